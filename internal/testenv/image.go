package testenv

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An Image is a container image, unpacked.
type Image struct {
	Root   string // What a container sees as /.
	Config ImageConfig
}

// ImageConfig is what an image says of the process in it, in the words of the OCI image format.
type ImageConfig struct {
	User                 string
	Env, Entrypoint, Cmd []string
	Volumes              map[string]struct{}
	Labels               map[string]string
}

// BuildImage builds a Dockerfile of this module, with the module as its context, for a platform such as linux/amd64, and
// skips the test if it does not run as root with the real servers.
//
// No registry is asked, and no proxy of modules. In the place of base, with which the Dockerfile begins, is an image
// without a file, in which the folders of this machine are mounted: a Go compiler and a shell are here too.
func BuildImage(t testing.TB, dockerfile, platform, base string) *Image {
	t.Helper()
	Live(t)
	if os.Getuid() != 0 {
		t.Skip("buildah without further set-up runs as root")
	}
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store := t.TempDir()
	buildah := func(args ...string) string {
		t.Helper()
		out, err := output(t.Context(), root, nil, "buildah", append([]string{
			"--storage-driver=vfs", "--root=" + filepath.Join(store, "root"), "--runroot=" + filepath.Join(store, "run"),
		}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	goEnv, err := output(t.Context(), root, nil, "go", "env", "GOROOT", "GOCACHE", "GOMODCACHE")
	if err != nil {
		t.Fatal(err)
	}
	folders := strings.Fields(goEnv)
	mustWriteFiles(t, store, map[string]string{"base/Dockerfile": "FROM scratch\nENV GOPROXY=off GOTOOLCHAIN=local GOCACHE=/go/cache GOMODCACHE=/go/modules PATH=/go/root/bin:/usr/bin:/bin\n"})
	buildah("bud", "--platform="+platform, "--tag="+base, filepath.Join(store, "base"))
	args := []string{
		"bud", "--isolation=chroot", "--pull-never", "--quiet", "--platform=" + platform, "--tag=built", "--file=" + dockerfile,
		"--volume=" + folders[0] + ":/go/root:ro", "--volume=" + folders[1] + ":/go/cache", "--volume=" + folders[2] + ":/go/modules:ro",
		"--volume=" + t.TempDir() + ":/tmp",
	}
	for _, folder := range []string{"/bin", "/lib", "/lib64", "/usr"} {
		if _, err := os.Stat(folder); err == nil {
			args = append(args, "--volume="+folder+":"+folder+":ro")
		}
	}
	buildah(append(args, ".")...)

	var described struct {
		OCIv1 struct{ Config ImageConfig }
	}
	if err := json.Unmarshal([]byte(buildah("inspect", "--type=image", "built")), &described); err != nil {
		t.Fatal(err)
	}
	container := strings.TrimSpace(buildah("from", "--pull-never", "built"))
	return &Image{Root: strings.TrimSpace(buildah("mount", container)), Config: described.OCIv1.Config}
}

// contain starts a program in the root of an image, read-only but for folders that are mounted in it. It stays the first
// process of a namespace, so that the program ends when it does.
const contain = `set -e
root=$1 user=$2 mounts=$3 environment=$4
shift 4
mount --bind "$root" "$root"
for mount in $mounts; do mount --bind "${mount%%:*}" "$root${mount#*:}"; done
mount -o remount,bind,ro "$root"
env --ignore-environment $environment "$(command -v chroot)" --userspec="$user" "$root" "$@"
`

// Start starts the image's entry point with the arguments as a container with a read-only root would: as the image's
// user and with its environment alone. The mounts are folders of this machine by the paths at which the container sees
// them.
func (i *Image) Start(t testing.TB, mounts map[string]string, args ...string) *Process {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	var mounted []string
	for path, folder := range sorted(mounts) {
		mounted = append(mounted, folder+":"+path)
	}
	command := []string{
		"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", contain, "contain",
		i.Root, i.Config.User, strings.Join(mounted, " "), strings.Join(i.Config.Env, " "),
	}
	return StartProcess(t, Command{Path: unshare, Args: slices.Concat(command, i.Config.Entrypoint, args)})
}
