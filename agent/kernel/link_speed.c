/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast an interface is.  rtnetlink does not say, and /sys/class/net shows the network
 * of whoever mounted it: in another one an eth0 there would be taken for ours.
 */
#include "link.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"

uint64_t
link_speed(const char *name)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_cmd asked = { .cmd = ETHTOOL_GSET };
	struct ifreq r = { .ifr_data = (void *)&asked };
	uint32_t speed;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCETHTOOL, &r) < 0)
		return 0;
	speed = ethtool_cmd_speed(&asked);
	return speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}
