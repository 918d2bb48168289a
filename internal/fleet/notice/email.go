package notice

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"strings"
	"time"

	"github.com/prelaunch-audit/prelaunch/internal/fleet/database"
	"github.com/prelaunch-audit/prelaunch/internal/netprobe"
)

// implicitTLS is the port at which a mail server speaks TLS from the first byte (RFC 8314).
const implicitTLS = "465"

func (n *Notifier) email(ctx context.Context, channel Channel, messages []database.Message) error {
	text, err := n.mail(channel, messages)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(channel.Server)
	if err != nil {
		return errors.New("the mail server of the channel is not HOST:PORT")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := n.network().DialContext(ctx, "tcp", channel.Server)
	if err != nil {
		return reason(ctx, err)
	}
	defer func() { _ = conn.Close() }() // Quit said whether the message was taken over
	if end, bounded := ctx.Deadline(); bounded {
		if err := conn.SetDeadline(end); err != nil {
			return fmt.Errorf("bound the connection to the mail server: %w", err)
		}
	}
	config := &tls.Config{ServerName: host, RootCAs: n.Roots, MinVersion: tls.VersionTLS12}
	if port == implicitTLS {
		conn = tls.Client(conn, config)
	}
	if err := converse(conn, host, config, channel, text, port != implicitTLS); err != nil {
		return mailFailure(ctx, err)
	}
	return nil
}

// errNoTLS is returned for a server that would get the notice, and the password, in the clear.
var errNoTLS = errors.New("the mail server offers no STARTTLS")

func converse(conn net.Conn, host string, config *tls.Config, channel Channel, text []byte, upgrade bool) error {
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if upgrade {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errNoTLS
		}
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if channel.User != "" {
		if err := client.Auth(smtp.PlainAuth("", channel.User, string(channel.Token.Expose()), host)); err != nil {
			return err
		}
	}
	from, err := mail.ParseAddress(channel.From)
	if err != nil {
		return err
	}
	to, err := mail.ParseAddressList(channel.To)
	if err != nil {
		return err
	}
	if err := client.Mail(from.Address); err != nil {
		return err
	}
	for _, one := range to {
		if err := client.Rcpt(one.Address); err != nil {
			return err
		}
	}
	body, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := body.Write(text); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the server has the message
	return nil
}

// mailFailure says what went wrong without what the server said.
func mailFailure(ctx context.Context, err error) error {
	if errors.Is(err, errNoTLS) {
		return err
	}
	if class := netprobe.Classify(ctx, err); class != netprobe.Other {
		return fmt.Errorf("the mail server did not take the notice: %s", class)
	}
	if status, _, found := strings.Cut(err.Error(), " "); found && len(status) == 3 && strings.Trim(status, "0123456789") == "" {
		return fmt.Errorf("the mail server responded with %s", status)
	}
	return errors.New("the mail server did not take the notice")
}

// mail writes a message in plain text. Header fields come from the configuration, which was checked, and from a subject that is encoded
// as a whole, so that no name can begin a field of its own.
func (n *Notifier) mail(channel Channel, messages []database.Message) ([]byte, error) {
	var b bytes.Buffer
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	from, err := mail.ParseAddress(channel.From)
	if err != nil {
		return nil, errors.New("the sender of the channel is not an email address")
	}
	to, err := mail.ParseAddressList(channel.To)
	if err != nil {
		return nil, errors.New("the recipients of the channel are not email addresses")
	}
	recipients := make([]string, len(to))
	for i, one := range to {
		recipients[i] = one.String()
	}
	field("From", from.String())
	field("To", strings.Join(recipients, ", "))
	field("Subject", mime.QEncoding.Encode("utf-8", "[prelaunch] "+subject(messages)))
	field("Date", n.DB.Now().Format(time.RFC1123Z))
	field("Message-ID", "<"+messages[0].Key()+"@"+domain(from.Address)+">")
	field("Auto-Submitted", "auto-generated")
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	lines := append([]string{subject(messages), ""}, summary(messages)...)
	if page := n.page(messages[0].Event.Integration); page != "" {
		lines = append(lines, "", page)
	}
	body := quotedprintable.NewWriter(&b)
	if _, err := body.Write([]byte(strings.Join(lines, "\r\n") + "\r\n")); err != nil {
		return nil, fmt.Errorf("write the notice: %w", err)
	}
	if err := body.Close(); err != nil {
		return nil, fmt.Errorf("write the notice: %w", err)
	}
	return b.Bytes(), nil
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
