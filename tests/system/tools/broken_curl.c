/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: a libcurl that takes no more requests after the sixtieth, as if there were
 * no memory.  A fault of our own process, which no system under test can cause.
 */
#include <dlfcn.h>
#include <stddef.h>

#define REQUESTS      60
#define OUT_OF_MEMORY 3 /* CURLM_OUT_OF_MEMORY */

int curl_multi_add_handle(void *multi, void *easy);

int
curl_multi_add_handle(void *multi, void *easy)
{
	static int (*real)(void *, void *);
	static unsigned count;

	if (real == NULL)
		real = (int (*)(void *, void *))dlsym(RTLD_NEXT, "curl_multi_add_handle");
	if (real == NULL || ++count > REQUESTS)
		return OUT_OF_MEMORY;
	return real(multi, easy);
}
