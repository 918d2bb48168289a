package tlsinspect

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// roundTrip is how far away the far server is.
const roundTrip = 50 * time.Millisecond

// far puts a server half a round trip away each way, and its connections a whole one.
func (l *lab) far(address string) string {
	listener := l.listen()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.arrived.Add(1)
			there, err := net.Dial("tcp", address)
			if err != nil {
				closeQuietly(near)
				continue
			}
			go carry(there, near)
			go carry(near, there)
		}
	}()
	dial := l.options.Dial
	l.options.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
		select {
		case <-time.After(roundTrip):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return dial(ctx, network, to)
	}
	return listener.Addr().String()
}

// carry copies with a delay that does not add up from one piece to the next.
func carry(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 256)
	go func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				pieces <- piece{buffer[:n], time.Now().Add(roundTrip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		<-time.After(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			break
		}
	}
	closeQuietly(to)
	for range pieces { // let the reader end
	}
}

// BenchmarkFar measures one look at a right server 50 ms away, with a twin that redirects.
// The bound is 0.6 s.
func BenchmarkFar(b *testing.B) {
	for b.Loop() {
		l := newLab(b)
		l.at(labHost+":443", l.far(l.https(l.modern(), receiver)))
		l.at(labHost+":80", l.http(upgrade))
		begun := time.Now()
		l.look()
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/look")
		b.ReportMetric(float64(l.dialed[l.names[labHost+":443"][0]]), "connections/look")
	}
}

// BenchmarkFarOldPort is the worst right case: RSA, CBC, static RSA, its own port in the clear.
func BenchmarkFarOldPort(b *testing.B) {
	for b.Loop() {
		l := newLab(b)
		c := l.modern()
		l.onOwnPort(l.far(l.https(c, receiver)))
		begun := time.Now()
		l.look()
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/look")
		b.ReportMetric(float64(l.dialed[l.names[labHost+":8443"][0]]), "connections/look")
	}
}

// BenchmarkFarBroken is a server that takes nearly everything it should not.
func BenchmarkFarBroken(b *testing.B) {
	for b.Loop() {
		l := newLab(b)
		l.chooses(0x0303, nil, 0xC018, 0x003B, 0x0008, 0x0005, 0x0009, 0x000A)
		l.names[labHost+":443"][0] = l.far(l.names[labHost+":443"][0])
		begun := time.Now()
		l.look()
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/look")
		b.ReportMetric(float64(l.dialed[l.names[labHost+":443"][0]]), "connections/look")
	}
}

// BenchmarkFarLegacy is a server of ten years ago.
func BenchmarkFarLegacy(b *testing.B) {
	for b.Loop() {
		l := newLab(b)
		l.old(0x0301, 0, 0xC012, 0xC013, 0x002F, 0x0005)
		l.names[labHost+":443"][0] = l.far(l.names[labHost+":443"][0])
		begun := time.Now()
		l.look()
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "ms/look")
		b.ReportMetric(float64(l.dialed[l.names[labHost+":443"][0]]), "connections/look")
	}
}

// BenchmarkSilent measures a port that never answers; the bound is the timeout plus half a second.
func BenchmarkSilent(b *testing.B) {
	for b.Loop() {
		l := newLab(b)
		l.options.Timeout = time.Second
		l.at(labHost+":443", l.stub(nil, http.NotFoundHandler(), func(int, offer) verdict { return verdict{hold: true} }))
		begun := time.Now()
		l.look()
		b.ReportMetric(float64((time.Since(begun) - l.options.Timeout).Milliseconds()), "ms/beyond")
	}
}
