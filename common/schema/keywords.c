/* SPDX-License-Identifier: MIT
 * The keyword table: everything a schema can say, in the order it is checked.  What is cheap and
 * says most comes first.  A keyword that is not here is an annotation. */
#include "keywords.h"

#include <string.h>

#define D7    HR_DRAFT_7
#define D20   HR_DRAFT_2020
#define D_ALL HR_DRAFT_BOTH
#define ALL   HR_TYPE_ALL
#define ARR   HR_TYPE_ARRAY
#define NUM   HR_TYPE_NUMBER
#define OBJ   HR_TYPE_OBJECT
#define STR   HR_TYPE_STRING

#define ONE  HR_SUB_ONE
#define LIST HR_SUB_LIST
#define MAP  HR_SUB_MAP
#define NONE HR_SUB_NONE

/* clang-format off */
const struct hr_schema_keyword hr_schema_keywords[] = {
    /* name, subschemas, drafts, types of instances, in place, last, read, check */
    {"$defs",                 MAP,  D20,   0,   false, false, NULL, NULL},
    {"definitions",           MAP,  D7,    0,   false, false, NULL, NULL},
    {"$comment",              NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"title",                 NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"description",           NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"format",                NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"contentEncoding",       NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"contentMediaType",      NONE, D_ALL, 0,   false, false, hr_read_string, NULL},
    {"contentSchema",         ONE,  D20,   0,   false, false, NULL, NULL},
    {"readOnly",              NONE, D_ALL, 0,   false, false, hr_read_boolean, NULL},
    {"writeOnly",             NONE, D_ALL, 0,   false, false, hr_read_boolean, NULL},
    {"deprecated",            NONE, D20,   0,   false, false, hr_read_boolean, NULL},
    {"examples",              NONE, D_ALL, 0,   false, false, hr_read_array, NULL},

    {"type",                  NONE, D_ALL, ALL, false, false, hr_read_type, hr_check_type},
    {"const",                 NONE, D_ALL, ALL, false, false, hr_read_any, hr_check_const},
    {"enum",                  NONE, D_ALL, ALL, false, false, hr_read_enum, hr_check_enum},

    {"minimum",               NONE, D_ALL, NUM, false, false, hr_read_number, hr_check_minimum},
    {"maximum",               NONE, D_ALL, NUM, false, false, hr_read_number, hr_check_maximum},
    {"exclusiveMinimum",      NONE, D_ALL, NUM, false, false, hr_read_number, hr_check_above},
    {"exclusiveMaximum",      NONE, D_ALL, NUM, false, false, hr_read_number, hr_check_below},
    {"multipleOf",            NONE, D_ALL, NUM, false, false, hr_read_multiple, hr_check_multiple},

    {"minLength",             NONE, D_ALL, STR, false, false, hr_read_count, hr_check_min_length},
    {"maxLength",             NONE, D_ALL, STR, false, false, hr_read_count, hr_check_max_length},
    {"pattern",               NONE, D_ALL, STR, false, false, hr_read_pattern, hr_check_pattern},

    {"minItems",              NONE, D_ALL, ARR, false, false, hr_read_count, hr_check_min_items},
    {"maxItems",              NONE, D_ALL, ARR, false, false, hr_read_count, hr_check_max_items},
    {"minProperties",         NONE, D_ALL, OBJ, false, false, hr_read_count, hr_check_min_members},
    {"maxProperties",         NONE, D_ALL, OBJ, false, false, hr_read_count, hr_check_max_members},
    {"required",              NONE, D_ALL, OBJ, false, false, hr_read_names, hr_check_required},
    {"dependentRequired",     NONE, D20,   OBJ, false, false, hr_read_dependent, hr_check_dependent_required},

    {"properties",            MAP,  D_ALL, OBJ, false, false, hr_read_members, hr_check_members},
    {"patternProperties",     MAP,  D_ALL, OBJ, false, false, hr_read_members, hr_check_members},
    {"additionalProperties",  ONE,  D_ALL, OBJ, false, false, hr_read_members, hr_check_members},
    {"propertyNames",         ONE,  D_ALL, OBJ, false, false, hr_read_one, hr_check_names},
    {"prefixItems",           LIST, D20,   ARR, false, false, hr_read_elements, hr_check_elements},
    {"items",                 ONE,  D20,   ARR, false, false, hr_read_elements, hr_check_elements},
    {"items",   HR_SUB_ONE_OR_LIST, D7,    ARR, false, false, hr_read_elements, hr_check_elements},
    {"additionalItems",       ONE,  D7,    ARR, false, false, hr_read_elements, hr_check_elements},
    {"contains",              ONE,  D_ALL, ARR, false, false, hr_read_contains, hr_check_contains},
    {"minContains",           NONE, D20,   0,   false, false, hr_read_count, NULL},
    {"maxContains",           NONE, D20,   0,   false, false, hr_read_count, NULL},
    {"uniqueItems",           NONE, D_ALL, ARR, false, false, hr_read_unique, hr_check_unique},

    {"$ref",                  NONE, D_ALL, ALL, true,  false, hr_read_ref, hr_check_ref},
    {"$dynamicRef",           NONE, D20,   ALL, false, false, hr_read_dynamic_ref, hr_check_dynamic_ref},
    {"allOf",                 LIST, D_ALL, ALL, true,  false, hr_read_list, hr_check_all},
    {"anyOf",                 LIST, D_ALL, ALL, true,  false, hr_read_list, hr_check_any},
    {"oneOf",                 LIST, D_ALL, ALL, true,  false, hr_read_list, hr_check_one},
    {"not",                   ONE,  D_ALL, ALL, true,  false, hr_read_one, hr_check_not},
    {"if",                    ONE,  D_ALL, ALL, true,  false, hr_read_if, hr_check_if},
    {"then",                  ONE,  D_ALL, 0,   false, false, NULL, NULL},
    {"else",                  ONE,  D_ALL, 0,   false, false, NULL, NULL},
    {"dependentSchemas",      MAP,  D20,   OBJ, true,  false, hr_read_map, hr_check_dependent_schemas},
    {"dependencies", HR_SUB_MAP_OR_NAMES, D7, OBJ, true, false, hr_read_dependencies, hr_check_dependencies},

    {"unevaluatedItems",      ONE,  D20,   ARR, false, true,  hr_read_one, hr_check_unevaluated_items},
    {"unevaluatedProperties", ONE,  D20,   OBJ, false, true,  hr_read_one, hr_check_unevaluated_members},
    {0},
};
/* clang-format on */

const json_t *hr_schema_value(const struct hr_schema_node *n, const struct hr_schema_keyword *kw)
{
    unsigned draft = n->resource->draft;
    if (!(kw->drafts & draft))
        return NULL;
    /* In draft-07 a "$ref" stands alone, whatever is beside it, but for what it may lead to. */
    if (draft == HR_DRAFT_7 && strcmp(kw->name, "$ref") != 0 &&
        strcmp(kw->name, "definitions") != 0 && json_object_get(n->json, "$ref"))
        return NULL;
    return json_object_get(n->json, kw->name);
}
