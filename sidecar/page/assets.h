/* SPDX-License-Identifier: MIT
 * page.css and page.js as text; embed.cmake writes assets.c, and in it hr_page_policy (page.h) with
 * their hashes. */
#ifndef HR_SIDECAR_PAGE_ASSETS_H
#define HR_SIDECAR_PAGE_ASSETS_H

extern const char hr_page_css[];
extern const char hr_page_js[];

#endif
