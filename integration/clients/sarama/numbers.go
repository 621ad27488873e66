// A client on sarama: produces numbered records, reads them back, and asks as an administrator.
//
//	numbers create ADDRESSES TOPIC PARTITIONS REPLICAS
//	numbers produce ADDRESSES TOPIC PARTITIONS CODEC COUNT   COUNT 0: until standard input ends
//	numbers consume ADDRESSES TOPIC
//	numbers group ADDRESSES TOPIC GROUP COUNT
//
// Of each record that was acknowledged or read it prints one line: partition, offset, number.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/ioutil"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/sarama"
)

func main() {
	if len(os.Args) < 4 {
		fail(fmt.Errorf("too few arguments: %v", os.Args))
	}
	addresses, topic, rest := strings.Split(os.Args[2], ","), os.Args[3], os.Args[4:]
	config := configuration()
	switch os.Args[1] {
	case "create":
		create(addresses, topic, number(rest[0]), number(rest[1]), config)
	case "produce":
		produce(addresses, topic, number(rest[0]), rest[1], number(rest[2]), config)
	case "consume":
		consume(addresses, topic, config)
	case "group":
		joinGroup(addresses, topic, rest[0], number(rest[1]), config)
	default:
		fail(fmt.Errorf("unknown command %s", os.Args[1]))
	}
}

// configuration speaks TLS when AUTHORITY, CERTIFICATE and KEY name PEM files.
func configuration() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V2_1_0_0
	config.ClientID = "sarama-numbers"
	config.Metadata.Retry.Max = 60
	config.Metadata.Retry.Backoff = 250 * time.Millisecond
	if authority := os.Getenv("AUTHORITY"); authority != "" {
		text, err := ioutil.ReadFile(authority)
		check(err)
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			fail(fmt.Errorf("%s holds no certificate", authority))
		}
		pair, err := tls.LoadX509KeyPair(os.Getenv("CERTIFICATE"), os.Getenv("KEY"))
		check(err)
		config.Net.TLS.Enable = true
		config.Net.TLS.Config = &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	}
	return config
}

func create(addresses []string, topic string, partitions, replicas int, config *sarama.Config) {
	admin, err := sarama.NewClusterAdmin(addresses, config)
	check(err)
	defer admin.Close()
	detail := &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: int16(replicas)}
	check(admin.CreateTopic(topic, detail, false))
	found, err := admin.DescribeTopics([]string{topic})
	check(err)
	for _, partition := range found[0].Partitions {
		fmt.Println(partition.ID, len(partition.Replicas), len(partition.Isr))
	}
}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

// produce is idempotent and waits for all replicas.
func produce(addresses []string, topic string, partitions int, codec string, count int, config *sarama.Config) {
	config.Producer.Idempotent = true
	config.Net.MaxOpenRequests = 1
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Retry.Max = 1000
	config.Producer.Retry.Backoff = 100 * time.Millisecond
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	config.Producer.Compression = codecs[codec]
	producer, err := sarama.NewAsyncProducer(addresses, config)
	check(err)

	var told sync.WaitGroup
	told.Add(2)
	underWay := make(chan struct{}, 300)
	go func() {
		defer told.Done()
		out := bufio.NewWriter(os.Stdout)
		defer out.Flush()
		for message := range producer.Successes() {
			fmt.Fprintln(out, message.Partition, message.Offset, message.Metadata)
			check(out.Flush())
			<-underWay
		}
	}()
	go func() {
		defer told.Done()
		for failure := range producer.Errors() {
			fail(failure)
		}
	}()
	over := make(chan struct{})
	if count == 0 {
		go func() {
			_, _ = ioutil.ReadAll(os.Stdin)
			close(over)
		}()
	}
	for next := 0; count == 0 || next < count; next++ {
		select {
		case <-over:
			count = next
			continue
		case underWay <- struct{}{}:
		}
		producer.Input() <- &sarama.ProducerMessage{
			Topic: topic, Partition: int32(next % partitions), Metadata: next,
			Key:     sarama.StringEncoder(fmt.Sprint("key-", next%7)),
			Value:   sarama.StringEncoder(strconv.Itoa(next)),
			Headers: []sarama.RecordHeader{{Key: []byte("number"), Value: []byte(strconv.Itoa(next))}},
		}
	}
	producer.AsyncClose()
	told.Wait()
}

// consume reads every partition up to where it ends now.
func consume(addresses []string, topic string, config *sarama.Config) {
	client, err := sarama.NewClient(addresses, config)
	check(err)
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	check(err)
	partitions, err := client.Partitions(topic)
	check(err)
	for _, partition := range partitions {
		end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
		check(err)
		if end == 0 {
			continue
		}
		reader, err := consumer.ConsumePartition(topic, partition, 0)
		check(err)
		for message := range reader.Messages() {
			print(message)
			if message.Offset+1 >= end {
				break
			}
		}
		check(reader.Close())
	}
}

type member struct {
	count int
	stop  context.CancelFunc
}

func (member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		printing.Lock()
		print(message)
		m.count--
		if m.count == 0 {
			m.stop()
		}
		printing.Unlock()
		session.MarkMessage(message, "")
	}
	return nil
}

var printing sync.Mutex

// joinGroup reads count records as the member of a group, and commits what it has read.
func joinGroup(addresses []string, topic, group string, count int, config *sarama.Config) {
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	members, err := sarama.NewConsumerGroup(addresses, group, config)
	check(err)
	running, stop := context.WithCancel(context.Background())
	for running.Err() == nil {
		check(members.Consume(running, []string{topic}, &member{count, stop}))
	}
	check(members.Close())
}

func print(message *sarama.ConsumerMessage) {
	if len(message.Headers) != 1 || string(message.Headers[0].Value) != string(message.Value) {
		fail(fmt.Errorf("headers of offset %d are not those that were sent", message.Offset))
	}
	fmt.Println(message.Partition, message.Offset, string(message.Value))
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
