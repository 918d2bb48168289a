// Package inflate undoes zlib compression (RFC 1950, RFC 1951) from memory to
// memory, for streams whose inflated size is known beforehand.
//
// Knowing both ends makes it simple and quick: there is no window to keep, no
// state to save between calls, and away from the ends of both buffers nothing
// has to be checked but the distances. It accepts and rejects exactly what the
// standard library does, which fuzzing holds it to.
package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"sync"
)

// ErrCorrupt is wrapped by every error about the input.
var ErrCorrupt = errors.New("corrupt zlib stream")

var (
	errHeader   = fmt.Errorf("%w: no zlib header", ErrCorrupt)
	errCut      = fmt.Errorf("%w: it is cut off", ErrCorrupt)
	errBlock    = fmt.Errorf("%w: reserved block type", ErrCorrupt)
	errStored   = fmt.Errorf("%w: stored block with a bad length", ErrCorrupt)
	errTable    = fmt.Errorf("%w: bad Huffman code", ErrCorrupt)
	errSymbol   = fmt.Errorf("%w: code without a meaning", ErrCorrupt)
	errDistance = fmt.Errorf("%w: copy from before the beginning", ErrCorrupt)
	errLong     = fmt.Errorf("%w: longer than declared", ErrCorrupt)
	errShort    = fmt.Errorf("%w: shorter than declared", ErrCorrupt)
	errSum      = fmt.Errorf("%w: wrong checksum", ErrCorrupt)
)

// Decoder holds the working memory of one goroutine. The zero value is ready.
type Decoder struct {
	literals  table
	distances table
	lengths   [maxLiterals + maxDistances]uint8
	precode   table

	src    []byte
	at     int    // next byte of src to be taken into hold
	hold   uint64 // bits not used yet, the next one lowest
	held   uint   // how many of them count
	phony  int    // bytes of zeros taken after the end of src
	dst    []byte
	filled int
}

// RFC 1951 has codes for so many literals and lengths, and distances.
const (
	maxLiterals  = 286
	maxDistances = 30
	endOfBlock   = 256
)

// Zlib inflates the stream at the start of src into dst, which must have
// exactly the inflated size, and returns how many bytes of src the stream
// took. A stream that is shorter or longer than dst, is cut off, or whose
// checksum is wrong is an error; dst then holds what could be inflated.
func (d *Decoder) Zlib(dst, src []byte) (taken int, err error) {
	if len(src) < 2 {
		return 0, errCut
	}
	const deflate, maxWindow, dictionary = 8, 7, 0x20
	if src[0]&15 != deflate || src[0]>>4 > maxWindow || (int(src[0])<<8|int(src[1]))%31 != 0 || src[1]&dictionary != 0 {
		return 0, errHeader
	}
	d.src, d.at, d.hold, d.held, d.phony = src, 2, 0, 0, 0
	d.dst, d.filled = dst, 0
	defer func() { d.src, d.dst = nil, nil }()
	for last := false; !last; {
		if last, err = d.block(); err != nil {
			return 0, err
		}
	}
	if d.filled != len(dst) {
		return 0, errShort
	}
	end := d.position()
	if end+4 > len(src) {
		return 0, errCut
	}
	if binary.BigEndian.Uint32(src[end:]) != adler32.Checksum(dst) {
		return 0, errSum
	}
	return end + 4, nil
}

// need makes sure that n bits, at most 48, are held. Beyond the end of src
// they are zeros; used tells when one of those was needed.
func (d *Decoder) need(n uint) {
	for d.held < n {
		if d.at < len(d.src) {
			d.hold |= uint64(d.src[d.at]) << d.held
			d.at++
		} else {
			d.phony++
		}
		d.held += 8
	}
}

// position is where in src the first byte is of which no bit was used.
func (d *Decoder) position() int { return d.at + d.phony - int(d.held/8) }

// spent reports whether bits from beyond the end were used.
func (d *Decoder) spent() bool { return d.phony > int(d.held/8) }

// bits takes n bits.
func (d *Decoder) bits(n uint) uint {
	d.need(n)
	v := uint(d.hold & (1<<n - 1))
	d.hold >>= n
	d.held -= n
	return v
}

func (d *Decoder) block() (last bool, err error) {
	head := d.bits(3)
	if d.spent() {
		return false, errCut
	}
	last = head&1 != 0
	switch head >> 1 {
	case 0:
		return last, d.stored()
	case 1:
		fixed()
		return last, d.compressed(&fixedLiterals, &fixedDistances)
	case 2:
		if err := d.readTables(); err != nil {
			return last, err
		}
		return last, d.compressed(&d.literals, &d.distances)
	}
	return last, errBlock
}

func (d *Decoder) stored() error {
	drop := d.held % 8
	d.hold >>= drop
	d.held -= drop
	n, check := d.bits(16), d.bits(16)
	if d.spent() {
		return errCut
	}
	if n != ^check&0xffff {
		return errStored
	}
	d.at = d.position()
	d.hold, d.held, d.phony = 0, 0, 0
	k := copy(d.dst[d.filled:], d.src[d.at:min(len(d.src), d.at+int(n))])
	d.at += k
	d.filled += k
	switch {
	case k == int(n):
		return nil
	case d.at == len(d.src):
		return errCut
	}
	return errLong
}

// codeOrder is the order in which the lengths of the code length code come.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

func (d *Decoder) readTables() error {
	literals, distances, codes := int(d.bits(5))+257, int(d.bits(5))+1, int(d.bits(4))+4
	if literals > maxLiterals || distances > maxDistances {
		return errTable
	}
	var pre [19]uint8
	for i := range codes {
		pre[codeOrder[i]] = uint8(d.bits(3))
	}
	if d.spent() {
		return errCut
	}
	if !d.precode.build(pre[:], precodeBits, plain) {
		return errTable
	}
	total := literals + distances
	for i := 0; i < total; {
		d.need(7 + 7)
		e := d.precode.entries[d.hold&(1<<d.precode.bits-1)]
		n := e.length()
		if n == 0 {
			return d.orCut(errSymbol)
		}
		d.hold >>= n
		d.held -= n
		symbol := e.value()
		repeat, value := uint(1), uint8(0)
		switch {
		case symbol < 16:
			value = uint8(symbol)
		case symbol == 16:
			if i == 0 {
				return d.orCut(errTable)
			}
			value, repeat = d.lengths[i-1], 3+d.bits(2)
		case symbol == 17:
			repeat = 3 + d.bits(3)
		default:
			repeat = 11 + d.bits(7)
		}
		if d.spent() {
			return errCut
		}
		if int(repeat) > total-i {
			return errTable
		}
		for range repeat {
			d.lengths[i] = value
			i++
		}
	}
	if !d.literals.build(d.lengths[:literals], literalBits, literalMeaning) ||
		!d.distances.build(d.lengths[literals:total], distanceBits, distanceMeaning) {
		return errTable
	}
	return nil
}

// orCut prefers the explanation that the stream is cut off.
func (d *Decoder) orCut(err error) error {
	if d.spent() {
		return errCut
	}
	return err
}

// Away from the ends: a round of the quick loop takes at most 8 bytes of src
// beyond at, and writes at most quickRoom bytes.
const quickRoom = 3 + 258 + 8

// compressed decodes a block's symbols.
func (d *Decoder) compressed(lt, dt *table) error {
	if err, done := d.quick(lt, dt); done {
		return err
	}
	// Near the ends: one symbol at a time, everything checked.
	for {
		d.need(48)
		e := lt.look(d.hold)
		n := e.length()
		if n == 0 {
			return d.orCut(errSymbol)
		}
		d.hold >>= n
		d.held -= n
		if d.spent() {
			return errCut
		}
		switch e.sort() {
		case isLiteral:
			if d.filled == len(d.dst) {
				return errLong
			}
			d.dst[d.filled] = byte(e.value())
			d.filled++
			continue
		case isEnd:
			return nil
		case isBad:
			return errSymbol
		}
		length := int(e.value()) + int(d.bits(e.extra()))
		d.need(48)
		e = dt.look(d.hold)
		if n = e.length(); n == 0 {
			return d.orCut(errSymbol)
		}
		d.hold >>= n
		d.held -= n
		if d.spent() {
			return errCut
		}
		if e.sort() == isBad {
			return errSymbol
		}
		distance := int(e.value()) + int(d.bits(e.extra()))
		if d.spent() {
			return errCut
		}
		if distance > d.filled {
			return errDistance
		}
		fits := min(length, len(d.dst)-d.filled)
		for i := range fits {
			d.dst[d.filled+i] = d.dst[d.filled+i-distance]
		}
		d.filled += fits
		if fits < length {
			return errLong
		}
	}
}

// quick decodes symbols for as long as neither end is near; done says that
// the block ended or failed.
func (d *Decoder) quick(lt, dt *table) (err error, done bool) {
	if d.phony > 0 {
		return nil, false // at the very end
	}
	src, dst := d.src, d.dst
	at, filled, hold, held := d.at, d.filled, d.hold, d.held
	lastAt, lastFilled := len(src)-8, len(dst)-quickRoom
	literals, distances := &lt.entries, &dt.entries
	lmask, dmask := uint64(1)<<lt.bits-1, uint64(1)<<dt.bits-1
	for at <= lastAt && filled <= lastFilled {
		// Fill up to at least 56 bits. Bits above held may already be there:
		// they are the same ones.
		hold |= binary.LittleEndian.Uint64(src[at:]) << (held & 63)
		at += int(63-held) >> 3
		held |= 56
		e := literals[hold&lmask]
		if e.sort() == isLiteral {
			// Up to three literals of 15 bits, and they are mostly much shorter.
			n := e.length()
			hold >>= n & 63
			held -= n
			dst[filled] = byte(e.value())
			filled++
			if e = literals[hold&lmask]; e.sort() != isLiteral {
				goto rest
			}
			n = e.length()
			hold >>= n & 63
			held -= n
			dst[filled] = byte(e.value())
			filled++
			if e = literals[hold&lmask]; e.sort() != isLiteral {
				goto rest
			}
			n = e.length()
			hold >>= n & 63
			held -= n
			dst[filled] = byte(e.value())
			filled++
			continue
		}
	rest:
		if e.sort() == isMore {
			e = literals[(uint64(e.value())+hold>>lt.bits&(1<<e.extra()-1))&(tableSize-1)]
		}
		n := e.length()
		if n == 0 {
			err, done = errSymbol, true
			break
		}
		if e.sort() == isCopy {
			if held < 48 {
				// After two literals there may be too few for a copy.
				if at > lastAt {
					break
				}
				hold |= binary.LittleEndian.Uint64(src[at:]) << (held & 63)
				at += int(63-held) >> 3
				held |= 56
			}
			hold >>= n & 63
			held -= n
			x := e.extra()
			length := int(e.value()) + int(hold&(1<<x-1))
			hold >>= x & 63
			held -= x
			e = distances[hold&dmask]
			if e.sort() == isMore {
				e = distances[(uint64(e.value())+hold>>dt.bits&(1<<e.extra()-1))&(tableSize-1)]
			}
			n = e.length()
			if n == 0 || e.sort() == isBad {
				err, done = errSymbol, true
				break
			}
			hold >>= n & 63
			held -= n
			x = e.extra()
			distance := int(e.value()) + int(hold&(1<<x-1))
			hold >>= x & 63
			held -= x
			from := filled - distance
			if from < 0 {
				err, done = errDistance, true
				break
			}
			end := filled + length
			switch {
			case distance >= 8:
				// Eight bytes at a time; what is written beyond is written again.
				for filled < end {
					binary.LittleEndian.PutUint64(dst[filled:], binary.LittleEndian.Uint64(dst[from:]))
					filled += 8
					from += 8
				}
			case distance == 1:
				b := uint64(dst[from]) * 0x0101010101010101
				for filled < end {
					binary.LittleEndian.PutUint64(dst[filled:], b)
					filled += 8
				}
			default:
				for ; filled < end; filled++ {
					dst[filled] = dst[from]
					from++
				}
			}
			filled = end
			continue
		}
		hold >>= n & 63
		held -= n
		switch e.sort() {
		case isLiteral:
			dst[filled] = byte(e.value())
			filled++
			continue
		case isEnd:
			done = true
		default:
			err, done = errSymbol, true
		}
		break
	}
	// Give back the whole bytes that were read ahead, and the bits above held.
	at -= int(held / 8)
	held %= 8
	d.at, d.filled, d.hold, d.held = at, filled, hold&(1<<held-1), held
	return err, done
}

var (
	fixedLiterals, fixedDistances table
	buildFixed                    sync.Once
)

// fixed builds the tables of blocks with fixed codes.
func fixed() {
	buildFixed.Do(func() {
		var l [288]uint8
		for i := range l {
			switch {
			case i < 144:
				l[i] = 8
			case i < 256:
				l[i] = 9
			case i < 280:
				l[i] = 7
			default:
				l[i] = 8
			}
		}
		fixedLiterals.build(l[:], literalBits, literalMeaning)
		var s [32]uint8
		for i := range s {
			s[i] = 5
		}
		fixedDistances.build(s[:], distanceBits, distanceMeaning)
	})
}
