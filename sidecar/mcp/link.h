/* SPDX-License-Identifier: MIT
 * A circular doubly linked list, inside the things it links.  An element can leave whatever list it
 * is on without knowing which; that is what lets a request vanish while a list is being walked:
 * walkers take the first element until there is none. */
#ifndef HR_SIDECAR_MCP_LINK_H
#define HR_SIDECAR_MCP_LINK_H

#include <stddef.h>

struct hr_link {
    struct hr_link *prev, *next;
};

/* Both for a list's head and for an element on no list. */
static inline void hr_link_init(struct hr_link *l)
{
    l->prev = l->next = l;
}

static inline int hr_link_empty(const struct hr_link *head)
{
    return head->next == head;
}

static inline void hr_link_remove(struct hr_link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    hr_link_init(l);
}

/* l is on no list. */
static inline void hr_link_append(struct hr_link *head, struct hr_link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

/* Take the first element off; NULL if there is none. */
static inline struct hr_link *hr_link_take(struct hr_link *head)
{
    struct hr_link *l = head->next;
    if (l == head)
        return NULL;
    head->next = l->next;
    l->next->prev = head;
    hr_link_init(l);
    return l;
}

/* Move everything to the end of `to`. */
static inline void hr_link_move_all(struct hr_link *from, struct hr_link *to)
{
    struct hr_link *l;
    while ((l = hr_link_take(from)))
        hr_link_append(to, l);
}

#define hr_link_owner(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

#endif
