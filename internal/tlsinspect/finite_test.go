package tlsinspect

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
)

// finiteServer speaks TLS 1.2 with one DHE suite, for one connection after the other: what comes in is answered with a refusal.
type finiteServer struct {
	cert         tls.Certificate
	prime, share []byte              // share: of the key; nil draws one
	spoil        func([]byte) []byte // changes the signature
}

func (s finiteServer) serve(conn net.Conn) error {
	defer closeQuietly(conn)
	_, hello, err := readRecord(conn)
	if err != nil {
		return err
	}
	if !readOffer(hello).has(0x009E) || readOffer(hello).version != tls.VersionTLS12 {
		_, err := conn.Write(alert(40))
		return err
	}
	clientRandom, serverRandom := hello[6:38], make([]byte, 32)
	p, x := new(big.Int).SetBytes(s.prime), big.NewInt(0x1234567)
	share := s.share
	if share == nil {
		share = new(big.Int).Exp(big.NewInt(2), x, p).Bytes()
	}
	params := vector16(vector16(vector16(nil, s.prime), []byte{2}), share)
	sum := sha256.Sum256(append(append(append([]byte{}, clientRandom...), serverRandom...), params...))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.cert.PrivateKey.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		return err
	}
	if s.spoil != nil {
		signature = s.spoil(signature)
	}
	der := s.cert.Certificate[0]
	list := append([]byte{byte(len(der) >> 16), byte(len(der) >> 8), byte(len(der))}, der...)
	flight := message(2, append(append([]byte{3, 3}, serverRandom...), 0, 0, 0x9E, 0))
	flight = append(flight, message(11, append([]byte{byte(len(list) >> 16), byte(len(list) >> 8), byte(len(list))}, list...))...)
	flight = append(flight, message(12, vector16(append(params, 4, 1), signature))...)
	flight = append(flight, message(14, nil)...)
	if _, err := conn.Write(vector16([]byte{22, 3, 3}, flight)); err != nil {
		return err
	}
	_, exchange, err := readRecord(conn)
	if err != nil {
		return err
	}
	theirs, _ := (&bytesReader{exchange[4:]}).vector(2)
	transcript := append(append(append([]byte{}, hello...), flight...), exchange...)
	secret := new(big.Int).Exp(new(big.Int).SetBytes(theirs), x, p).Bytes()
	master := expand(crypto.SHA256, secret, "master secret", append(append([]byte{}, clientRandom...), serverRandom...), 48)
	keys := expand(crypto.SHA256, master, "key expansion", append(append([]byte{}, serverRandom...), clientRandom...), 40)
	c := &finiteConn{Conn: conn, in: must(newSealer(keys[:16], keys[32:36])), out: must(newSealer(keys[16:32], keys[36:]))}
	if _, _, err := readRecord(conn); err != nil { // change cipher spec
		return err
	}
	_, finished, err := c.record()
	if err != nil {
		return err
	}
	sum = sha256.Sum256(append(transcript, finished...))
	if _, err := conn.Write(append([]byte{20, 3, 3, 0, 1, 1}, c.out.seal(22, message(20, expand(crypto.SHA256, master, "server finished", sum[:], 12)))...)); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 4096)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nStrict-Transport-Security: max-age=31536000\r\nConnection: close\r\nContent-Length: "+"20000\r\n\r\n"+strings.Repeat("no", 10000)); err != nil {
		return err
	}
	_, err = conn.Write(c.out.seal(21, []byte{1, 0}))
	return err
}

// only serves nothing else.
func (l *lab) only(s finiteServer) {
	s.cert = l.rsaServer()
	listener := l.listen()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = s.serve(conn) }() // what a client makes of it is looked at there
		}
	}()
	l.at(labHost+":443", listener.Addr().String())
}

var finiteBlocks = []block{
	{name: "right: DHE and nothing else", serve: func(l *lab) { l.only(finiteServer{prime: modp2048}) }, look: func(f Facts) error {
		post := f.URLs[0].Answers[0].Post
		return first(expect("status", post.Status, 401), expect("bytes", post.BodyBytes, 20000), expect("trust", address(f).Certificates[0].Trust.Kind, TrustOK))
	}},
	{name: "DHE and nothing else, with 1024 bits", want: []string{"fail modern-tls: dh group"}, serve: func(l *lab) { l.only(finiteServer{prime: oakley1024}) }},
	{name: "DHE that the certificate's key has not signed", want: foreign, serve: func(l *lab) {
		l.only(finiteServer{prime: modp2048, spoil: func(s []byte) []byte { s[0] ^= 1; return s }})
	}},
	{name: "DHE with a share that gives the secret away", want: foreign, serve: func(l *lab) {
		l.only(finiteServer{prime: modp2048, share: []byte{1}})
	}},
}

// TestFiniteBounds: a server cannot have this machine compute for hours.
func TestFiniteBounds(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.options.Timeout = 0
	l.only(finiteServer{prime: append([]byte{0x80}, make([]byte, 1024)...), share: []byte{5}}) // 8200 bits, and even
	conn, err := net.Dial("tcp", l.names[labHost+":443"][0])
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(conn)
	stop := context.AfterFunc(t.Context(), func() { expire(conn) })
	defer stop()
	if _, _, err := finiteHandshake(conn, labHost); err == nil {
		t.Error("a group of 8200 bits was computed in")
	}
}
