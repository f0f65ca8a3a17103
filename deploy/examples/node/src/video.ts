import { SpanKind } from '@opentelemetry/api';

import { InferenceError, S3UploadError } from './errors.js';
import type { RequestContext } from './requestContext.js';
import { inSpan } from './span.js';

const mlPipeline = process.env.ML_PIPELINE_URL ?? 'http://127.0.0.1:8101';
const bucket = 'videos';

export interface Processed {
  videoId: string;
  players: number;
}

// Stores a video and has ml-pipeline find the players in it.
export function processVideo(videoId: string, context: RequestContext): Promise<Processed> {
  const tags = { 'video.id': videoId, 'request.id': context.requestId, 'user.plan': context.userPlan };
  return inSpan('video.process', tags, async () => {
    await uploadToS3(videoId, context.fault);
    return { videoId, players: await findPlayers(videoId, context) };
  });
}

// Stands for an upload: it takes some milliseconds, and fails when the request asks for it.
function uploadToS3(videoId: string, fault: string): Promise<void> {
  const key = `${videoId}.mp4`;
  const upload = async () => {
    await new Promise((done) => setTimeout(done, 10 + 30 * Math.random()));
    if (fault === 'upload') {
      throw new S3UploadError(key);
    }
  };
  const tags = { 'video.id': videoId, 'aws.s3.bucket': bucket, 'aws.s3.key': key };
  return inSpan('video.upload.s3', tags, upload, SpanKind.CLIENT);
}

async function findPlayers(videoId: string, context: RequestContext): Promise<number> {
  const response = await fetch(`${mlPipeline}/inference`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-request-id': context.requestId,
      'x-user-plan': context.userPlan,
      'x-fault': context.fault,
    },
    body: JSON.stringify({ video_id: videoId }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new InferenceError(response.status);
  }
  const { players } = (await response.json()) as { players: number };
  return players;
}
