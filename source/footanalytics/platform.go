package footanalytics

import "time"

// A serviceID is a service's place in services.
type serviceID uint8

const (
	apiGateway serviceID = iota
	videoIngestion
	analyticsEngine
	userManagement
	mlPipeline
	s3Storage
	database
	gpuCluster
	modelStorage
	resultCache
)

// A service is one program of the platform.
type service struct {
	name, language, version string
	// hosts are where it runs in production; stagingHost is the other place.
	hosts       [4]string
	stagingHost string
}

var services = [...]service{
	apiGateway:      newService("api-gateway", "nodejs", "2.14.0"),
	videoIngestion:  newService("video-ingestion", "nodejs", "1.9.3"),
	analyticsEngine: newService("analytics-engine", "python", "3.2.1"),
	userManagement:  newService("user-management", "nodejs", "1.22.0"),
	mlPipeline:      newService("ml-pipeline", "python", "0.31.4"),
	s3Storage:       newService("s3-storage", "python", "1.4.0"),
	database:        newService("database", "nodejs", "16.4.0"),
	gpuCluster:      newService("gpu-cluster", "python", "0.12.7"),
	modelStorage:    newService("model-storage", "python", "0.8.2"),
	resultCache:     newService("result-cache", "nodejs", "7.4.1"),
}

func newService(name, language, version string) service {
	return service{
		name: name, language: language, version: version,
		hosts:       [4]string{name + "-0", name + "-1", name + "-2", name + "-3"},
		stagingHost: name + "-staging-0",
	}
}

// A failureID is a failure's place in failures.
type failureID uint8

const (
	noFailure failureID = iota
	crashed
	timedOut
	outOfMemory
	uploadRefused
	deadlocked
	notFound
	unauthorized
	failureCount
)

// A failure is a way in which a call goes wrong. It spreads from the operation
// that it befalls to all that wait for it.
type failure struct {
	exception, message string
	// http and grpc are the status codes with which a server tells of it.
	http, grpc int
	grpcName   string
	// takes is by how much it makes the operation longer.
	takes time.Duration
}

var failures = [failureCount]failure{
	crashed:       {"TypeError", "Cannot read properties of undefined (reading 'plan')", 500, 13, "INTERNAL", 0},
	timedOut:      {"TimeoutError", "no answer within 8 s", 504, 4, "DEADLINE_EXCEEDED", 8 * time.Second},
	outOfMemory:   {"CUDAOutOfMemoryError", "CUDA out of memory: tried to allocate 2.50 GiB", 503, 8, "RESOURCE_EXHAUSTED", 0},
	uploadRefused: {"S3UploadError", "SlowDown: please reduce your request rate", 503, 14, "UNAVAILABLE", 0},
	deadlocked:    {"DeadlockDetected", "deadlock detected", 500, 10, "ABORTED", time.Second},
	notFound:      {"NotFoundError", "there is no such thing", 404, 5, "NOT_FOUND", 0},
	unauthorized:  {"UnauthorizedError", "wrong password", 401, 16, "UNAUTHENTICATED", 0},
}

// weights is what the weights of all journeys add up to.
const weights = 1000

// A journey is what a user, or the platform itself, sets off: a tree of
// operations, and how many of a thousand traces are of its kind.
type journey struct {
	weight int
	// video holds if it is about one video.
	video bool
	root  *operation
}

// platform returns the platform: who calls whom, what for and for how long.
func platform() []journey {
	const us, ms = time.Microsecond, time.Millisecond
	session := func() *operation {
		return call(apiGateway, serve(userManagement, "GET", "/sessions/{id}", 200, 2*ms,
			work(userManagement, "session.verify", 900*us).fails(timedOut, 0.00008)))
	}
	return []journey{
		{400, false, serve(apiGateway, "GET", "/api/v1/matches/{id}", 200, 3*ms,
			session(),
			call(apiGateway, serve(analyticsEngine, "GET", "/matches/{id}", 200, 5*ms,
				work(analyticsEngine, "match.statistics", 38*ms).varies(wide).fails(timedOut, 0.0003)).fails(notFound, 0.004)),
		).fails(crashed, 0.00005)},

		{150, false, serve(apiGateway, "GET", "/api/v1/matches/{id}/heatmap", 200, 3*ms,
			call(apiGateway, serve(analyticsEngine, "GET", "/matches/{id}/heatmap", 200, 6*ms,
				work(analyticsEngine, "heatmap.render", 160*ms).varies(wide).fails(timedOut, 0.0004))),
		).fails(crashed, 0.00005)},

		{100, false, serve(apiGateway, "POST", "/api/v1/sessions", 201, 3*ms,
			call(apiGateway, serve(userManagement, "POST", "/sessions", 201, 3*ms,
				work(userManagement, "password.verify", 85*ms)).fails(unauthorized, 0.04)),
		)},

		{80, false, serve(apiGateway, "GET", "/api/v1/users/{id}", 200, 2*ms,
			call(apiGateway, serve(userManagement, "GET", "/users/{id}", 200, 4*ms).fails(crashed, 0.0002)),
		)},

		{100, true, serve(apiGateway, "GET", "/api/v1/videos/{id}", 200, 3*ms,
			call(apiGateway, serve(videoIngestion, "GET", "/videos/{id}", 200, 4*ms,
				call(videoIngestion, query(database, "SELECT", "videos", 3*ms))).fails(notFound, 0.02)),
		)},

		{150, true, serve(apiGateway, "POST", "/api/v1/videos", 202, 4*ms,
			session(),
			call(apiGateway, serve(videoIngestion, "POST", "/videos", 202, 8*ms,
				work(videoIngestion, "video.validate", 25*ms),
				call(videoIngestion, serve(s3Storage, "PUT", "/{bucket}/{key}", 200, 420*ms).varies(wide).
					fails(uploadRefused, 0.0008).failsIn(FailingUploads, 0.4)).sdk("video.upload.s3"),
				call(videoIngestion, query(database, "INSERT", "videos", 4*ms).fails(deadlocked, 0.0003)),
				publish(videoIngestion, "video.uploaded",
					consume(videoIngestion, "video.process", "video.uploaded", 12*ms,
						call(videoIngestion, inference()),
						call(videoIngestion, query(database, "UPDATE", "videos", 4*ms)))),
			)),
		)},

		{20, false, work(mlPipeline, "ml.model.refresh", 6*ms,
			call(mlPipeline, serve(modelStorage, "GET", "/models", 200, 20*ms)),
			call(mlPipeline, query(resultCache, "DEL", "results", 500*us)).optional())},
	}
}

// inference is what ml-pipeline does with a video.
func inference() *operation {
	const us, ms = time.Microsecond, time.Millisecond
	return procedure(mlPipeline, "ml.inference", "footanalytics.ml.v1.Pipeline", "Infer", 9*ms,
		call(mlPipeline, query(resultCache, "GET", "results", 400*us).fails(timedOut, 0.0001)).optional(),
		work(mlPipeline, "ml.preprocessing", 180*ms),
		call(mlPipeline, serve(modelStorage, "GET", "/models/{version}", 200, 30*ms).varies(wide)).beside(),
		work(mlPipeline, "ml.model.inference", 15*ms,
			call(mlPipeline, procedure(gpuCluster, "gpu.execute", "footanalytics.gpu.v1.Cluster", "Execute", 1300*ms).
				slowIn(SlowInference).fails(outOfMemory, 0.002))),
		work(mlPipeline, "ml.postprocessing", 60*ms),
		call(mlPipeline, query(resultCache, "SET", "results", 500*us)).optional(),
	)
}
