// An error that a client is told of. Its name is what traces show as exception.type, and traceslo as error_type.
export class ServiceError extends Error {
  constructor(
    name: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = name;
  }
}

// The storage did not take the video.
export class S3UploadError extends ServiceError {
  constructor(key: string) {
    super('S3UploadError', `${key} was not stored`, 503);
  }
}

// ml-pipeline refused the video or failed. That the video cannot be read is the client's affair, all else is ours.
export class InferenceError extends ServiceError {
  constructor(status: number) {
    super('InferenceError', `ml-pipeline answered ${status}`, status === 422 ? 422 : 502);
  }
}
