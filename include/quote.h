/* SPDX-License-Identifier: Apache-2.0 */
#ifndef QUOTE_H
#define QUOTE_H
/* A user's string made fit for a message: short, printable, cut at a character's border. */

struct quoted {
	char text[68];
};
/* err_invalid(e, "'%s' is not a port", quote(s).text): the struct lives as long as the
 * full expression. */
struct quoted quote(const char *s);

#endif
