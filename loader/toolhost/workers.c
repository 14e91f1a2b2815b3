/* SPDX-License-Identifier: MIT
 * Threads that run jobs.  See workers.h. */
#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

struct hr_workers {
    const char *name;
    unsigned max;
    pthread_mutex_t lock;
    sem_t work; /* as many as jobs wait: cheaper than a condition, whose lock is always contended */
    struct hr_job *head; /* waiting jobs, oldest first */
    struct hr_job **tail;
    unsigned waiting; /* jobs in that list */
    unsigned threads;
    unsigned idle; /* threads that wait for one */
};

int hr_workers_new(const char *name, unsigned max, struct hr_workers **ret)
{
    struct hr_workers *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->name = name;
    w->max = max;
    w->tail = &w->head;
    (void)pthread_mutex_init(&w->lock, NULL); /* with default attributes these cannot fail */
    (void)sem_init(&w->work, 0, 0);
    *ret = w;
    return 0;
}

static struct hr_job *take(struct hr_workers *w)
{
    (void)pthread_mutex_lock(&w->lock);
    w->idle++;
    (void)pthread_mutex_unlock(&w->lock);
    while (sem_wait(&w->work)) /* a signal handler of the plugin's has run */
        continue;
    (void)pthread_mutex_lock(&w->lock);
    w->idle--;
    struct hr_job *job = w->head;
    w->head = job->next;
    if (!w->head)
        w->tail = &w->head;
    w->waiting--;
    (void)pthread_mutex_unlock(&w->lock);
    return job;
}

static void *work(void *arg)
{
    struct hr_workers *w = arg;
    for (;;) {
        struct hr_job *job = take(w);
        job->run(job->arg);
    }
    return NULL;
}

/* Called with the lock held. */
static int add_thread(struct hr_workers *w)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, work, w);
    if (err)
        return -err;
    (void)pthread_setname_np(thread, w->name);
    (void)pthread_detach(thread);
    w->threads++;
    return 0;
}

int hr_workers_submit(struct hr_workers *w, struct hr_job *job)
{
    int err = 0;
    (void)pthread_mutex_lock(&w->lock);
    if (w->waiting >= w->idle && w->threads < w->max)
        err = add_thread(w);
    if (w->threads > 0) {
        err = 0; /* a thread that could not be made only makes this one wait longer */
        job->next = NULL;
        *w->tail = job;
        w->tail = &job->next;
        w->waiting++;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (!err)
        (void)sem_post(&w->work); /* not before: it would wake up to a locked door */
    return err;
}
