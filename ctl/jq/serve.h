/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVE_H
#define SERVE_H
/* stormctl-jq: answers on JQ_FD until stormctl closes it.  The exit code. */
int serve_questions(void);

#endif
