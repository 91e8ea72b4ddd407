/* A connect scan as plain as can be: epoll.c ADDRESS LOW HIGH. No retries, no timeouts but one: the floor to compare with.
   Prints "open PORT" for each open port and "seconds X" for the loop itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WINDOW = 512, PATIENCE = 2000 };

static int ports[65536]; /* the port that each descriptor asks */
static struct sockaddr_in target;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void finish(int fd, int error) {
    struct linger hard = {1, 0};
    if (error == 0) {
        printf("open %d\n", ports[fd]);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    }
    close(fd);
}

/* Whether it is under way; else it has been dealt with. */
static int begin(int poll, int port) {
    struct epoll_event event = {.events = EPOLLOUT | EPOLLET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        perror("socket");
        exit(1);
    }
    ports[fd] = port;
    target.sin_port = htons(port);
    int error = connect(fd, (struct sockaddr *)&target, sizeof target) ? errno : 0;
    if (error != EINPROGRESS) {
        finish(fd, error);
        return 0;
    }
    event.data.fd = fd;
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    return 1;
}

int main(int argc, char **argv) {
    struct epoll_event events[WINDOW];
    int poll = epoll_create1(0), pending = 0, port, high;
    double begun = now();
    if (argc != 4 || !inet_pton(AF_INET, argv[1], &target.sin_addr)) return 2;
    target.sin_family = AF_INET;
    port = atoi(argv[2]);
    high = atoi(argv[3]);
    while (port <= high || pending) {
        while (port <= high && pending < WINDOW) pending += begin(poll, port++);
        int count = epoll_wait(poll, events, WINDOW, PATIENCE);
        if (count <= 0) break;
        for (int i = 0; i < count; i++) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(events[i].data.fd, SOL_SOCKET, SO_ERROR, &error, &size);
            finish(events[i].data.fd, error);
            pending--;
        }
    }
    printf("seconds %.6f\n", now() - begun);
    return 0;
}
