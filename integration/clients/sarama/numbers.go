// A client on sarama: produces numbered records, reads them back, and asks as an administrator.
//
//	numbers create ADDRESSES TOPIC PARTITIONS REPLICAS
//	numbers produce ADDRESSES TOPIC PARTITIONS CODEC COUNT
//	numbers load ADDRESSES TOPIC PARTITIONS PER-SECOND       until standard input ends
//	numbers consume ADDRESSES TOPIC
//	numbers follow ADDRESSES TOPIC                           until standard input ends
//	numbers group ADDRESSES TOPIC GROUP COUNT
//
// Of each record that was acknowledged or read it prints one line: partition, offset, number; -1 -1 number of one that a
// load gave up.
package main

import (
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
		config.Producer.Idempotent = true
		config.Producer.Compression = codecs[rest[1]]
		produce(addresses, topic, number(rest[0]), counted(number(rest[2])), fail, config)
	case "load":
		// Not idempotent: when a connection breaks, this version of sarama sends the same records again in other
		// batches, in which no broker recognizes them.
		config.Metadata.Retry.Max = 1000
		config.Producer.Timeout = 3 * time.Second
		config.Net.ReadTimeout = 5 * time.Second
		produce(addresses, topic, number(rest[0]), paced(number(rest[1]), inputEnd()), giveUp, config)
	case "consume":
		consume(addresses, topic, config)
	case "follow":
		config.Net.ReadTimeout = 5 * time.Second
		follow(addresses, topic, inputEnd(), config)
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

// inputEnd is closed when standard input ends.
func inputEnd() <-chan struct{} {
	over := make(chan struct{})
	go func() {
		_, _ = ioutil.ReadAll(os.Stdin)
		close(over)
	}()
	return over
}

// counted gives the numbers below count.
func counted(count int) <-chan int {
	numbers := make(chan int)
	go func() {
		for next := 0; next < count; next++ {
			numbers <- next
		}
		close(numbers)
	}()
	return numbers
}

// paced gives numbers at most as often as told.
func paced(perSecond int, over <-chan struct{}) <-chan int {
	numbers := make(chan int)
	go func() {
		begun := time.Now()
		for next := 0; ; next++ {
			ahead := time.Duration(next)*time.Second/time.Duration(perSecond) - time.Since(begun)
			select {
			case <-over:
				close(numbers)
				return
			case <-time.After(ahead):
				numbers <- next
			}
		}
	}()
	return numbers
}

// giveUp prints a number of which nobody knows what became of it: partition and offset are -1. This version of sarama
// gives up what it was about to send when it forgets a leader, whose connection broke, while it looks for it.
func giveUp(err error) {
	failure, known := err.(*sarama.ProducerError)
	if !known || failure.Err != sarama.ErrLeaderNotAvailable {
		fail(err)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(-1, -1, failure.Msg.Metadata)
}

// produce sends numbers to all partitions in turn, and waits for all replicas.
func produce(
	addresses []string, topic string, partitions int, numbers <-chan int, failed func(error), config *sarama.Config,
) {
	config.Net.MaxOpenRequests = 1
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Retry.Max = 1000
	config.Producer.Retry.Backoff = 100 * time.Millisecond
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 5 * time.Millisecond
	producer, err := sarama.NewAsyncProducer(addresses, config)
	check(err)

	var told sync.WaitGroup
	told.Add(2)
	// A bound on what is under way, so that a load goes on during the whole fault.
	underWay := make(chan struct{}, 300)
	go func() {
		defer told.Done()
		for message := range producer.Successes() {
			printing.Lock()
			fmt.Println(message.Partition, message.Offset, message.Metadata)
			printing.Unlock()
			<-underWay
		}
	}()
	go func() {
		defer told.Done()
		for failure := range producer.Errors() {
			failed(failure)
			<-underWay
		}
	}()
	for next := range numbers {
		underWay <- struct{}{}
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

// follow reads every partition from its begin, and goes on with what comes.
func follow(addresses []string, topic string, over <-chan struct{}, config *sarama.Config) {
	client, err := sarama.NewClient(addresses, config)
	check(err)
	consumer, err := sarama.NewConsumerFromClient(client)
	check(err)
	partitions, err := client.Partitions(topic)
	check(err)
	for _, partition := range partitions {
		reader, err := consumer.ConsumePartition(topic, partition, 0)
		for err != nil {
			// The broker that leads it may be the one that is harmed just now.
			time.Sleep(config.Metadata.Retry.Backoff)
			reader, err = consumer.ConsumePartition(topic, partition, 0)
		}
		go func(partition int32) {
			for message := range reader.Messages() {
				printing.Lock()
				print(message)
				printing.Unlock()
			}
			// It gives up only when what it was to read next is not there.
			fail(fmt.Errorf("partition %d is read no further", partition))
		}(partition)
	}
	<-over
	// What is being printed is printed as a whole.
	printing.Lock()
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
