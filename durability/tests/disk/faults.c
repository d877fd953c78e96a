/* A disk that fails: preloaded, it counts the calls that change files in one folder, and lets some of
 * them fail. A failed write of a broken disk (EIO) leaves half of its bytes behind.
 *
 *   DISK_FOLDER  the folder's path, without links
 *   DISK_FIRST   the first call that fails, counted from 1
 *   DISK_COUNT   how many fail from there on
 *   DISK_ERROR   the errno
 *   DISK_ROOM    instead: how many bytes the files in the folder may have together; what would make them
 *                grow beyond fails as on a full disk
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
    const char *value = getenv(name);
    return value ? atol(value) : 0;
}

/* Whether a file lies in the folder; its path. */
static int is_ours(int fd, char path[4096]) {
    const char *folder = getenv("DISK_FOLDER");
    if (!folder) return 0;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Whether the disk has no room for a file that ends there. */
static int is_full(int fd, off64_t end) {
    long long room = number("DISK_ROOM"), used = 0;
    char path[4096];
    struct stat64 file;
    if (!room || !is_ours(fd, path) || fstat64(fd, &file) != 0 || end <= file.st_size) return 0;
    used = end - file.st_size;
    DIR *folder = opendir(getenv("DISK_FOLDER"));
    if (!folder) return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (fstatat64(dirfd(folder), entry->d_name, &file, 0) == 0 && S_ISREG(file.st_mode)) used += file.st_size;
    closedir(folder);
    return used > room;
}

static int full(void) {
    errno = ENOSPC;
    return -1;
}

/* Whether this call is to fail. */
static int fails(int fd, const char *name) {
    char path[4096];
    if (!is_ours(fd, path)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1, first = number("DISK_FIRST");
    if (call < first || call - first >= number("DISK_COUNT")) return 0;
    char said[4200];
    int size = snprintf(said, sizeof said, "disk: call %ld, %s of %s fails\n", call, name, path);
    ssize_t (*plain)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (size > 0) (void)!plain(2, said, (size_t)size);
    return 1;
}

static int failed(void) {
    errno = (int)number("DISK_ERROR");
    return -1;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *data, size_t size) {
    if (fails(fd, "write")) return failed();
    if (is_full(fd, lseek64(fd, 0, SEEK_CUR) + (off64_t)size)) return full();
    return REAL(ssize_t, "write", int, const void *, size_t)(fd, data, size);
}

static ssize_t put(const char *name, int fd, const void *data, size_t size, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, name);
    if (is_full(fd, at + (off64_t)size)) return full();
    if (!fails(fd, name)) return real(fd, data, size, at);
    if (number("DISK_ERROR") == EIO) (void)!real(fd, data, size / 2, at);
    return failed();
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return put("pwrite", fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return put("pwrite64", fd, data, size, at); }

int fsync(int fd) { return fails(fd, "fsync") ? failed() : REAL(int, "fsync", int)(fd); }
int fdatasync(int fd) { return fails(fd, "fdatasync") ? failed() : REAL(int, "fdatasync", int)(fd); }
int ftruncate(int fd, off_t size) {
    if (is_full(fd, size)) return full();
    return fails(fd, "ftruncate") ? failed() : REAL(int, "ftruncate", int, off_t)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    if (is_full(fd, size)) return full();
    return fails(fd, "ftruncate64") ? failed() : REAL(int, "ftruncate64", int, off64_t)(fd, size);
}
