/*
 * How this thread's scanner reads plain strings. The settings are variables of libpg_query's, one of each per thread
 * (src/postgres/src_backend_parser_scan.c), that its parser takes as options and its scanner does not.
 */
#include <stdbool.h>

extern __thread bool standard_conforming_strings;
extern __thread bool escape_string_warning;

/* What is off warns of each backslash, which nobody here reads. */
void hippocrypt_plain_strings_conform(bool conform)
{
	standard_conforming_strings = conform;
	escape_string_warning = conform;
}
