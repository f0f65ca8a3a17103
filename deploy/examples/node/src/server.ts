import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { app } from './app.js';
import { sdk } from './tracing.js';

const host = process.env.HOST ?? '127.0.0.1';
const port = Number(process.env.PORT ?? 8100);

const server = createServer(app).listen(port, host, () => {
  console.log(`video-ingestion listens on http://${host}:${(server.address() as AddressInfo).port}`);
});

// Requests under way are answered before the last spans are sent: a span ends only with its request.
async function shutdown(): Promise<void> {
  await new Promise((closed) => server.close(closed));
  await sdk.shutdown();
  process.exit();
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    shutdown().catch((error: unknown) => {
      console.error('video-ingestion did not send its last spans:', error);
      process.exit(1);
    });
  });
}
