// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"hash"
	"net/netip"
	"strings"
)

// pseudonyms gives names to names. Equal ones have equal pseudonyms, whatever
// they name: a process and the file that it executed. Others have others.
type pseudonyms struct {
	inventory *inventory
	mac       hash.Hash
	private   *search // for what no pseudonym may hold
	names     map[string]string
	taken     map[string]bool
	addresses map[netip.Addr]netip.Addr
	used      map[netip.Addr]bool
	texts     map[recentText]string
	bytes     int // of what has a pseudonym for want of room
	err       error
}

// A pseudonym is x and ten digits of five bits each, without vowels: they would
// make words.
const (
	digits     = "0123456789bcdfghjklmnpqrstvwxyz_"
	pseudoSize = 11
	mostTries  = 1000
)

var alphabet = base32.NewEncoding(digits).WithPadding(base32.NoPadding)

// room is what a text takes at most, as the kernel programs record it.
var room = map[Class]int{Path: 4095, Cgroup: 4095, Args: 1023}

var (
	errChanged = errors.New("the capture was changed while it was read")
	errNoName  = errors.New("no pseudonym is found that holds none of the capture's names: use another --key")
)

func newPseudonyms(key []byte, v *inventory, private *search) *pseudonyms {
	return &pseudonyms{inventory: v, mac: hmac.New(sha256.New, key), private: private, names: map[string]string{}, taken: map[string]bool{},
		addresses: map[netip.Addr]netip.Addr{}, used: map[netip.Addr]bool{}, texts: map[recentText]string{}}
}

// replace is the pseudonym of a text: a replacer.
func (p *pseudonyms) replace(class Class, text string) string {
	if text == "" || p.inventory.isKept(class, text) {
		return text
	}
	key := recentText{class, text}
	if done, ok := p.texts[key]; ok {
		return done
	}
	done := p.make(class, text)
	remember(p.texts, key, done)
	return done
}

func (p *pseudonyms) make(class Class, text string) string {
	if class == Address {
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			return p.address(a).String()
		}
	}
	var b strings.Builder
	most, full := room[class], false
	pieces(class, text, func(piece string, name bool) {
		if name {
			if p.inventory.names[piece] == 0 {
				p.fail(errChanged)
			}
			piece = p.name(piece)
		}
		full = full || most > 0 && b.Len()+len(piece)+pseudoSize > most
		if !full {
			b.WriteString(piece)
		}
	})
	if full { // one pseudonym for what has no room
		b.WriteString(p.name(text))
	}
	if _, found := p.private.any([]byte(b.String())); found { // where two names meet
		return p.name(text)
	}
	return b.String()
}

// name is the pseudonym of a name.
func (p *pseudonyms) name(name string) string {
	if done, ok := p.names[name]; ok {
		return done
	}
	for try := range uint32(mostTries) {
		done := "x" + alphabet.EncodeToString(p.sum(0, try, []byte(name))[:7])[:pseudoSize-1]
		_, private := p.private.any([]byte(done))
		if private || p.taken[done] || p.inventory.names[done] != 0 {
			continue
		}
		p.names[name], p.taken[done] = done, true
		if p.inventory.names[name] == 0 {
			if p.bytes += len(name); p.bytes > mostNameBytes {
				p.fail(errNames)
			}
		}
		return done
	}
	p.fail(errNoName)
	return ""
}

// sum is what the key makes of a text, for a use and a try.
func (p *pseudonyms) sum(use byte, try uint32, text []byte) []byte {
	p.mac.Reset()
	p.mac.Write(binary.LittleEndian.AppendUint32([]byte{use}, try))
	p.mac.Write(text)
	return p.mac.Sum(nil)
}

func (p *pseudonyms) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}
