import express, { type NextFunction, type Request, type Response } from 'express';

import { requestContext } from './requestContext.js';
import { processVideo } from './video.js';

export const app = express();
app.disable('x-powered-by');

app.get('/healthz', (_request, response) => {
  response.send('ok\n');
});

app.use(requestContext);

app.post('/videos/:id', async (request: Request<{ id: string }>, response: Response) => {
  response.json(await processVideo(request.params.id, response.locals.context));
});

// Express takes a function of four parameters for the one that answers errors. What the client did wrong, as a path
// that cannot be decoded, brings a status of its own.
app.use((error: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
  const status = error.status ?? 500;
  response.status(status).json({ error: error.name, requestId: response.locals.context.requestId });
});
