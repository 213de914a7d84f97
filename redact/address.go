// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"net/netip"
	"slices"
)

// everyones are the addresses that every machine has: they say nothing, and stay.
var everyones = []string{"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1"}

func everywhere(a netip.Addr) bool { return slices.Contains(everyones, a.String()) }

// blocks are those whose addresses stay in them, the most special first. What is
// in none stays in none. Of several prefixes for one thing the first takes all.
var blocks = [][]netip.Prefix{
	prefixes("127.0.0.0/8"),
	prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
	prefixes("100.64.0.0/10"),
	prefixes("169.254.0.0/16"),
	prefixes("224.0.0.0/24"),
	prefixes("224.0.0.0/4"),
	prefixes("0.0.0.0/8"),
	prefixes("240.0.0.0/4"),
	prefixes("fe80::/64", "fe80::/10"),
	prefixes("fd00::/8", "fc00::/7"),
}

var (
	multicast6 = netip.MustParsePrefix("ff00::/8")
	global6    = netip.MustParsePrefix("2000::/3")
	all4       = netip.MustParsePrefix("0.0.0.0/0")
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// blockOf is the index of the block that an address is in, -1 for none.
func blockOf(a netip.Addr) int {
	return slices.IndexFunc(blocks, func(b []netip.Prefix) bool {
		return slices.ContainsFunc(b, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// home is where the pseudonyms of an address are.
func home(a netip.Addr) netip.Prefix {
	switch i := blockOf(a); {
	case i >= 0:
		return blocks[i][0]
	case a.Is4():
		return all4
	case multicast6.Contains(a): // its flags and scope stay
		return netip.PrefixFrom(a, 16).Masked()
	}
	return global6
}

// address is the pseudonym of an address: of the same version, and in the same
// block. One of IPv4 that is written as IPv6 has that of the IPv4 address.
func (p *pseudonyms) address(a netip.Addr) netip.Addr {
	if a.Is4In6() {
		return netip.AddrFrom16(p.address(a.Unmap()).As16())
	}
	if everywhere(a) {
		return a
	}
	if done, ok := p.addresses[a]; ok {
		return done
	}
	if !p.inventory.address[a] {
		p.fail(errChanged)
	}
	in := home(a)
	for try := range uint32(mostTries) {
		done := within(in, p.sum(1, try, a.AsSlice()))
		_, private := p.private.any([]byte(done.String()))
		if private || blockOf(done) != blockOf(a) || everywhere(done) || p.used[done] || p.inventory.address[done] {
			continue
		}
		p.addresses[a], p.used[done] = done, true
		return done
	}
	p.fail(errNoName)
	return netip.Addr{}
}

// within is the address of a prefix with those bits behind it.
func within(p netip.Prefix, bits []byte) netip.Addr {
	out := p.Addr().AsSlice()
	for i := range out {
		mask := byte(0xff)
		switch fixed := p.Bits() - 8*i; {
		case fixed >= 8:
			mask = 0
		case fixed > 0:
			mask >>= fixed
		}
		out[i] = out[i]&^mask | bits[i]&mask
	}
	a, _ := netip.AddrFromSlice(out)
	return a
}

// shapes are how an address may stand in a file: as text, and eight of its bytes
// as IPv6; none when most of them are zeros, as they are of many numbers.
func shapes(a netip.Addr) (texts []string, raw string) {
	wide := a.As16()
	texts = []string{a.String()}
	if a.Is4() {
		texts = append(texts, netip.AddrFrom16(wide).String())
	}
	for _, half := range [][]byte{wide[8:], wide[:8]} {
		if bytes.Count(half, []byte{0}) <= len(half)/2 {
			return texts, string(half)
		}
	}
	return texts, ""
}
