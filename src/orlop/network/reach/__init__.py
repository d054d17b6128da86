"""What the host's packet filter does to packets, told from its rules alone. Pure: nothing is sent.

A packet is what is known of it: its source may be any address of a network. Rules divide packets,
so a question has several outcomes where rules treat sources differently. What cannot be told from
a rule (a limit, a mark of somebody else's, an extension of iptables) is no guess: both ways are
gone, and the outcomes name the rule that they depend on.

See: nft(8), libnftables-json(5), "Netfilter hooks" in the nftables wiki.
"""
