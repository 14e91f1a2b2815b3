/* SPDX-License-Identifier: MIT
 * Which pod an event is from, as far as we are told: by HANDRAIL_POD_NAME, HANDRAIL_POD_NAMESPACE
 * and HANDRAIL_POD_UID, else by the files name, namespace and uid of the downwardAPI volume
 * at podinfo_dir (NULL: there is none), else, of the namespace, by the service account's.
 */
#ifndef HR_SIDECAR_WEBHOOK_POD_H
#define HR_SIDECAR_WEBHOOK_POD_H

#include <jansson.h>

/* {"hostname", "name", "namespace", "uid"}, null where it is not known.  New reference, or NULL
 * without memory. */
json_t *hr_webhook_pod(const char *podinfo_dir);

#endif
