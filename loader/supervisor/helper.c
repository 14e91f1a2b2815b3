/* SPDX-License-Identifier: MIT
 * The helper, as one who is told the pod's phase.  See helper.h. */
#include "helper.h"

#include "common/log.h"
#include "common/wall_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void hr_helper_heard(struct hr_helper *h, const struct sockaddr_un *from, socklen_t len)
{
    const size_t name = offsetof(struct sockaddr_un, sun_path);
    if (len <= name + 1 || len > sizeof(*from) || from->sun_family != AF_UNIX || from->sun_path[0])
        return; /* it has no name, or that of a file */
    if (len == h->len && memcmp(from, &h->address, len) == 0)
        return;
    memcpy(&h->address, from, len);
    h->len = len;
    h->told = 0;
}

void hr_helper_text(const struct hr_board_phase *pod, char text[HR_HELPER_TEXT])
{
    char at[HR_WALL_TEXT];
    char from[32] = "";
    const struct hr_phase_step *before = &pod->steps[(pod->nsteps - 2) % HR_PHASE_STEPS];
    hr_wall_text(hr_phase_last(pod).wall_ms, at);
    if (pod->nsteps > 1)
        (void)snprintf(from, sizeof(from), "\nFROM=%s", hr_pod_phase_name(before->phase));
    (void)snprintf(text, HR_HELPER_TEXT, "PHASE=%s%s\nAT=%s%s%s", hr_pod_phase_name(pod->phase),
                   from, at, pod->claim_uid[0] ? "\nCLAIM_UID=" : "", pod->claim_uid);
}

void hr_helper_tell(struct hr_helper *h, int socket, const struct hr_board_phase *pod)
{
    char text[HR_HELPER_TEXT];
    bool more = hr_pod_is_somebodys(pod->phase) && strcmp(h->claim_uid, pod->claim_uid) != 0;
    if (!h->len || !pod->nsteps || (h->told == pod->nsteps && !more))
        return;
    hr_helper_text(pod, text);
    if (sendto(socket, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&h->address, h->len) >= 0) {
        h->told = pod->nsteps;
        memcpy(h->claim_uid, pod->claim_uid, sizeof(h->claim_uid));
    } else if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR && errno != ENOMEM) {
        hr_debug("cannot tell the server's helper the phase: %s", strerror(errno));
        h->len = 0; /* until it is heard again */
    }
}
