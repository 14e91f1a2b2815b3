/* SPDX-License-Identifier: MIT
 * Threads that run jobs, made when they are first needed, up to a maximum.
 *
 * There is no way to end them: what they run is a plugin's code, which nobody can take back from.
 * A pool lives as long as the process. */
#ifndef HR_TOOLHOST_WORKERS_H
#define HR_TOOLHOST_WORKERS_H

struct hr_job {
    struct hr_job *next; /* the pool's */
    void (*run)(void *arg);
    void *arg;
};

struct hr_workers;

/* 0 or -ENOMEM.  name: of the threads, at most 15 characters. */
int hr_workers_new(const char *name, unsigned max, struct hr_workers **ret);

/* Run the job on some thread, in the order of submission.  The job must stay where it is until it
 * runs.  Any thread.  0, or -errno if there is not even one thread: it will not run. */
int hr_workers_submit(struct hr_workers *w, struct hr_job *job);

#endif
