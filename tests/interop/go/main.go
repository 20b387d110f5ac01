// Program go talks to a server as Go programs do, and says what went wrong, if anything.
//
//	go run . nats://127.0.0.1:4222 [ca.pem]
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const patience = 10 * time.Second

func main() {
	options := []nats.Option{nats.NoReconnect(), nats.Timeout(patience)}
	if len(os.Args) > 2 {
		options = append(options, nats.RootCAs(os.Args[2]))
	}
	for _, step := range []struct {
		name string
		run  func(one, other *nats.Conn) error
	}{
		{"publish and subscribe", publish},
		{"queue groups", queues},
		{"request and reply", requests},
		{"headers", headers},
		{"no responders", nobody},
		{"automatic unsubscribe", automatic},
		{"payloads", payloads},
		{"drain", drain},
	} {
		err := with(options, step.run)
		if err != nil {
			fmt.Printf("%s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Printf("%s: ok\n", step.name)
	}
}

func with(options []nats.Option, run func(one, other *nats.Conn) error) error {
	one, err := nats.Connect(os.Args[1], options...)
	if err != nil {
		return err
	}
	defer one.Close()
	other, err := nats.Connect(os.Args[1], options...)
	if err != nil {
		return err
	}
	defer other.Close()
	return run(one, other)
}

func expect(sub *nats.Subscription, text string) (*nats.Msg, error) {
	msg, err := sub.NextMsg(patience)
	if err == nil && string(msg.Data) != text {
		err = fmt.Errorf("got %q, not %q", msg.Data, text)
	}
	return msg, err
}

func publish(one, other *nats.Conn) error {
	sub, err := one.SubscribeSync("go.*.x")
	if err != nil {
		return err
	}
	if err := one.Flush(); err != nil {
		return err
	}
	for _, subject := range []string{"go.a.x", "go.b", "go.b.x"} {
		if err := other.Publish(subject, []byte(subject)); err != nil {
			return err
		}
	}
	if _, err := expect(sub, "go.a.x"); err != nil {
		return err
	}
	_, err = expect(sub, "go.b.x")
	return err
}

func queues(one, other *nats.Conn) error {
	var members []*nats.Subscription
	for _, conn := range []*nats.Conn{one, one, other} {
		sub, err := conn.QueueSubscribeSync("go.queue", "workers")
		if err != nil {
			return err
		}
		members = append(members, sub)
	}
	if err := errors.Join(one.Flush(), other.Flush()); err != nil {
		return err
	}
	for range 300 {
		if err := one.Publish("go.queue", nil); err != nil {
			return err
		}
	}
	if err := errors.Join(one.Flush(), other.Flush()); err != nil {
		return err
	}
	total := 0
	for _, sub := range members {
		count, _, err := sub.Pending()
		if err != nil {
			return err
		}
		if count == 0 {
			return errors.New("a member got nothing")
		}
		total += count
	}
	if total != 300 {
		return fmt.Errorf("%d of 300 arrived", total)
	}
	return nil
}

func requests(one, other *nats.Conn) error {
	_, err := one.Subscribe("go.echo", func(msg *nats.Msg) { _ = msg.Respond(msg.Data) })
	if err != nil {
		return err
	}
	if err := one.Flush(); err != nil {
		return err
	}
	for i := range 50 {
		text := fmt.Sprint(i)
		reply, err := other.Request("go.echo", []byte(text), patience)
		if err != nil {
			return err
		}
		if string(reply.Data) != text {
			return fmt.Errorf("got %q", reply.Data)
		}
	}
	return nil
}

func headers(one, other *nats.Conn) error {
	sub, err := one.SubscribeSync("go.headers")
	if err != nil {
		return err
	}
	if err := one.Flush(); err != nil {
		return err
	}
	sent := nats.NewMsg("go.headers")
	sent.Header.Add("Key", "one")
	sent.Header.Add("Key", "two")
	sent.Data = []byte("body")
	if err := other.PublishMsg(sent); err != nil {
		return err
	}
	msg, err := expect(sub, "body")
	if err != nil {
		return err
	}
	if got := strings.Join(msg.Header.Values("Key"), " "); got != "one two" {
		return fmt.Errorf("the header is %q", got)
	}
	return nil
}

func nobody(one, _ *nats.Conn) error {
	_, err := one.Request("go.nobody", nil, patience)
	if !errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("the answer is %v", err)
	}
	return nil
}

func automatic(one, other *nats.Conn) error {
	sub, err := one.SubscribeSync("go.auto")
	if err != nil {
		return err
	}
	if err := errors.Join(sub.AutoUnsubscribe(2), one.Flush()); err != nil {
		return err
	}
	for _, text := range []string{"1", "2", "3"} {
		if err := other.Publish("go.auto", []byte(text)); err != nil {
			return err
		}
	}
	if err := errors.Join(other.Flush(), one.Flush()); err != nil {
		return err
	}
	for _, text := range []string{"1", "2"} {
		if _, err := expect(sub, text); err != nil {
			return err
		}
	}
	if _, err := sub.NextMsg(patience); !errors.Is(err, nats.ErrMaxMessages) {
		return fmt.Errorf("after the last message: %v", err)
	}
	return nil
}

func payloads(one, other *nats.Conn) error {
	sub, err := one.SubscribeSync("go.large")
	if err != nil {
		return err
	}
	if err := one.Flush(); err != nil {
		return err
	}
	text := strings.Repeat("x", int(other.MaxPayload()))
	if err := other.Publish("go.large", []byte(text)); err != nil {
		return err
	}
	if _, err := expect(sub, text); err != nil {
		return errors.New("the largest payload is another")
	}
	err = other.Publish("go.large", []byte(text+"x"))
	if !errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("a larger one: %v", err)
	}
	return nil
}

func drain(one, other *nats.Conn) error {
	closed := make(chan bool)
	count := 0
	one.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if _, err := one.Subscribe("go.drain", func(*nats.Msg) { count++ }); err != nil {
		return err
	}
	if err := one.Flush(); err != nil {
		return err
	}
	for range 100 {
		if err := other.Publish("go.drain", nil); err != nil {
			return err
		}
	}
	if err := errors.Join(other.Flush(), one.Drain()); err != nil {
		return err
	}
	select {
	case <-closed:
	case <-time.After(patience):
		return errors.New("the drain does not end")
	}
	if count != 100 {
		return fmt.Errorf("%d of 100 arrived", count)
	}
	return nil
}
