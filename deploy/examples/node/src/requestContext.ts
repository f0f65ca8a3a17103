import { randomUUID } from 'node:crypto';

import { trace } from '@opentelemetry/api';
import type { NextFunction, Request, Response } from 'express';

// What all spans of a request tell of it, and what ml-pipeline is told.
export interface RequestContext {
  requestId: string;
  userPlan: string;
  fault: string;
}

const plans = ['free', 'premium', 'club'];

// Middleware that gives each request an id, the caller's if it has one, and tags the span of the request with it and
// with the user's plan.
export function requestContext(request: Request, response: Response, next: NextFunction): void {
  const plan = request.get('x-user-plan') ?? '';
  const context: RequestContext = {
    requestId: request.get('x-request-id') ?? randomUUID(),
    // Only plans that there are: a tag that becomes a label must not grow with what clients send.
    userPlan: plans.includes(plan) ? plan : 'free',
    fault: request.get('x-fault') ?? '',
  };
  trace.getActiveSpan()?.setAttributes({ 'request.id': context.requestId, 'user.plan': context.userPlan });
  response.locals.context = context;
  response.set('x-request-id', context.requestId);
  next();
}
