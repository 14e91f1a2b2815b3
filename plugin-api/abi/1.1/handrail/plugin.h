/* SPDX-License-Identifier: MIT
 * handrail plugin ABI, major 1.  Pure C99; includes only freestanding headers.
 * Thread marks:  [load]   one thread, nothing else of this plugin is running
 *                [call]   host worker thread; up to max_concurrency at once
 *                [any]    any thread, concurrently, but never a signal handler
 * Ownership: the one who allocates frees.  No heap pointer changes owner across
 * this boundary: whatever is passed in is valid until the callee returns, and
 * the callee copies what it wants to keep.  All text is UTF-8.               */
#ifndef HANDRAIL_PLUGIN_H
#define HANDRAIL_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define HANDRAIL_ABI_MAJOR 1u  /* part of the entry symbol's name             */
#define HANDRAIL_ABI_MINOR 1u  /* grows when members or host services appear  */
#define HANDRAIL_MAGIC     0x31504c48u            /* "HLP1" little endian     */
#define HANDRAIL_EXPORT    __attribute__((visibility("default")))
/* True if the producer of *p knows member m AND filled it in. */
#define HANDRAIL_HAS(p, m) \
	((p)->struct_size >= offsetof(__typeof__(*(p)), m) + sizeof((p)->m) && (p)->m)

typedef int32_t handrail_status;     /* fixed width: enum size is not ABI     */
enum {
	HANDRAIL_OK           =  0,
	HANDRAIL_PENDING      =  1,  /* accepted; complete() will follow      */
	HANDRAIL_E_INVALID    = -1,  /* arguments or configuration wrong      */
	HANDRAIL_E_NOMEM      = -2,
	HANDRAIL_E_UNSUPPORTED= -3,
	HANDRAIL_E_CANCELLED  = -4,
	HANDRAIL_E_TIMEOUT    = -5,
	HANDRAIL_E_DENIED     = -6,
	HANDRAIL_E_LIMIT      = -7,  /* result larger than the host accepts   */
	HANDRAIL_E_UNAVAILABLE= -8,  /* try again later                       */
	HANDRAIL_E_FAILED     = -9   /* anything else; see the message        */
};	/* a value the reader does not know reads as HANDRAIL_E_FAILED        */
typedef int32_t handrail_log_level;  /* syslog order, gaps on purpose         */
enum { HANDRAIL_LOG_ERROR = 30, HANDRAIL_LOG_WARN = 40,
       HANDRAIL_LOG_INFO = 60, HANDRAIL_LOG_DEBUG = 70 };

typedef struct handrail_call handrail_call;    /* opaque, host's; one request */
typedef struct handrail_host handrail_host;

/* Services the host gives.  Read-only table, lives as long as the process. */
struct handrail_host {
	uint32_t struct_size;           /* sizeof in the HOST's build         */
	uint32_t abi_minor;             /* HANDRAIL_ABI_MINOR of the host     */
	const char *name, *version;     /* for logs only, never for decisions */
	void *ctx;                      /* host's; pass `host` itself back    */

	/* Log one line. [any] */
	void (*log)(const handrail_host *, handrail_log_level,
	            const char *msg, size_t len);
	/* Is the request cancelled or past its deadline?  Cheap. [any] */
	int32_t (*cancelled)(const handrail_host *, const handrail_call *);
	/* A descriptor that polls readable on cancel/deadline; the host's:
	 * do not read or close.  -1 if none. [any] */
	int32_t (*cancel_fd)(const handrail_host *, const handrail_call *);
	/* Milliseconds left, or -1 for no deadline. [any] */
	int64_t (*time_left_ms)(const handrail_host *, const handrail_call *);
	/* Tell progress; total < 0 if unknown.  The caller hears the latest
	 * one every now and then; one that is not greater is ignored. [any] */
	void (*progress)(const handrail_host *, handrail_call *,
	                 double done, double total, const char *msg, size_t len);
	/* Result builder: each appends or sets and copies before it returns;
	 * HANDRAIL_E_LIMIT once over the host's cap (see limits). [any] */
	handrail_status (*add_text)(const handrail_host *, handrail_call *,
	                            const char *text, size_t len);
	handrail_status (*add_blob)(const handrail_host *, handrail_call *,
	                            const char *mime, const void *data, size_t len);
	handrail_status (*set_json)(const handrail_host *, handrail_call *,
	                            const char *json, size_t len);
	/* Attach the reason for a negative status.  Last one wins. [any] */
	void (*set_error)(const handrail_host *, handrail_call *,
	                  const char *msg, size_t len);
	/* End a call that answered HANDRAIL_PENDING; exactly once, after
	 * which `call` is dead. [any] */
	void (*complete)(const handrail_host *, handrail_call *, handrail_status);
	/* A host extension table, or NULL: "handrail.<name>/<rev>". [any] */
	const void *(*get_extension)(const handrail_host *, const char *id);
	/* --- minor 0 ends here; append only --- */

	/* Add a document with an address of its own ("report://2026/5").  It
	 * is passed on as text if its media type is one of text and its bytes
	 * are UTF-8.  Otherwise like add_blob. [any] */
	handrail_status (*add_resource)(const handrail_host *, handrail_call *,
	                                const char *uri, const char *mime,
	                                const void *data, size_t len);
	/* Tell the caller of this request something while it runs.  A person
	 * may read it, the model does not; too many are left out. [any] */
	void (*tell)(const handrail_host *, handrail_call *, handrail_log_level,
	             const char *msg, size_t len);
	/* --- minor 1 ends here; append only --- */
};

/* Hints, the same meaning as the MCP annotations; the defaults (no flag) are
 * the cautious reading. */
enum { HANDRAIL_TOOL_READ_ONLY       = 1u << 0,
       HANDRAIL_TOOL_NON_DESTRUCTIVE = 1u << 1,
       HANDRAIL_TOOL_IDEMPOTENT      = 1u << 2,
       HANDRAIL_TOOL_CLOSED_WORLD    = 1u << 3 };

typedef struct handrail_tool {
	uint32_t struct_size;
	uint32_t flags;                 /* HANDRAIL_TOOL_*; unknown bits: 0   */
	const char *name;               /* [A-Za-z0-9_-]{1,64}, unique here   */
	const char *title;              /* may be NULL                        */
	const char *description;        /* what the model reads               */
	const char *input_schema;       /* JSON Schema 2020-12, type object   */
	const char *output_schema;      /* may be NULL                        */
	uint32_t max_concurrency;       /* 0: no limit, 1: one at a time      */
	uint32_t timeout_ms;            /* 0: the host's default              */
	/* `args` is the JSON object, already valid against input_schema;
	 * args[len] is NUL.  Answer OK, PENDING or E_*. [call] */
	handrail_status (*invoke)(void *self, handrail_call *,
	                          const char *args, size_t len);
	/* --- minor 0 ends here; append only --- */
} handrail_tool;

/* What the plugin gives: constant data, readable before create(). */
typedef struct handrail_plugin {
	uint32_t magic;                 /* HANDRAIL_MAGIC                     */
	uint32_t struct_size;           /* sizeof in the PLUGIN's build       */
	uint32_t built_minor;           /* HANDRAIL_ABI_MINOR at build time   */
	uint32_t needs_minor;           /* oldest host minor it can run on    */
	const char *id;                 /* "com.example.grep"                 */
	const char *version;            /* the plugin's own, semver           */
	const char *config_schema;      /* JSON Schema, or NULL: no config    */
	const char *const *needs_extensions; /* NULL-ended, or NULL           */
	const handrail_tool *const *tools;   /* NULL-ended: pointers, so a
	                                      * tool may grow (no stride)     */
	/* Make the one instance.  `config` is a JSON object ("{}" if none
	 * given); this host checks no more than that against config_schema.
	 * On failure: set_error() on `call`, leave *self NULL; destroy() is
	 * then not called. [load] */
	handrail_status (*create)(const handrail_host *, handrail_call *,
	                          const char *config, size_t len, void **self);
	/* No call is running.  May never come: the worker can be killed. [load] */
	void (*destroy)(void *self);
	/* Optional.  OK or E_UNAVAILABLE/E_FAILED; add_text() says why. [call] */
	handrail_status (*health)(void *self, handrail_call *);
	/* Optional.  A PENDING call was cancelled; complete() soon. [any] */
	void (*cancel)(void *self, handrail_call *);
	/* Optional.  A plugin extension table, or NULL. [any] */
	const void *(*get_extension)(void *self, const char *id);
	/* --- minor 0 ends here; append only --- */
} handrail_plugin;

/* THE exported symbol; nothing else need be visible.  No side effects, always
 * answers the same pointer.  A later major is another symbol (_v2): one .so may
 * export both, the host takes the highest it knows. [load] */
HANDRAIL_EXPORT const handrail_plugin *handrail_plugin_v1(void);
#ifdef __cplusplus
}
#endif
#endif
