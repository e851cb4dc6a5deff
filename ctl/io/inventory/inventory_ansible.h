/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_ANSIBLE_H
#define INVENTORY_ANSIBLE_H
/* The JSON of Ansible's dynamic inventories, as programs print it for --list. */

struct err;
struct inventory;

/* Adds every host of the text to an empty inventory. */
int inventory_read_ansible(const char *text, struct inventory *ret, struct err *e);

#endif
