/* fdatasync(2) under a test's thumb: $SYNC_CONTROL is a directory; while `hold` is in it calls wait, while `fail`
 * is in it they fail with EIO. Otherwise they succeed after 1 ms without touching the disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int has(const char *name) {
    const char *directory = getenv("SYNC_CONTROL");
    char path[4096];
    return directory && snprintf(path, sizeof path, "%s/%s", directory, name) > 0 && access(path, F_OK) == 0;
}

int fdatasync(int fd) {
    (void)fd;
    do usleep(1000); while (has("hold"));
    if (has("fail")) {
        errno = EIO;
        return -1;
    }
    return 0;
}
