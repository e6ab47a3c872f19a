// Harness gives an operator work and measures what it costs. It needs a control plane that is
// otherwise idle, named by KUBECONFIG, and prints one line of JSON per verb.
//
//	harness raw  -n 5000 -namespaces 50      create Leases at full speed: the API server's limit
//	harness seed -n 5000 -namespaces 50      make Deployments with no replicas
//	harness run  -n 5000 -- COMMAND...       start COMMAND; measure until 5,000 more Leases exist
//	harness beat -n 5000 -rate 500 -for 30s -- COMMAND...
//	                                         measure COMMAND while node Leases are renewed
//	harness renew -rate 500 -for 20s         renew the operator's Leases as their Pods do, and time it
//	harness wipe [-all]                      delete the Leases, with -all the Deployments too
//
// A comparison of two operators is
//
//	harness seed -n 5000
//	harness run  -n 5000 -- operator-a
//	harness wipe
//	harness run  -n 5000 -- operator-b
//	harness wipe -all
//
// Figures of different machines, or of different days on one machine, don't compare; figures of one
// sequence like this do.
//
// # What the figures mean
//
// All work happens in namespaces team-000, team-001... with the label bench=true; wipe touches only
// these, and the nodes of beat with their Leases, which bear the same label. wipe also deletes the LeaseRegistry
// objects of these namespaces, where that API is served. Stop operators before wiping.
//
// CPU and memory are those of COMMAND and of all its descendants, from /proc (so Linux only), CPU in
// steps of 10 ms. run prints
//
//   - seconds: from the start of COMMAND, its own start-up included, until the Leases exist;
//   - cpuSeconds: CPU time used at that moment;
//   - settledSeconds, settledCpuSeconds, rssMiB: time, CPU time and memory when COMMAND had used less
//     than 5 % of a core for two seconds, or after -settle at the latest ("settled": false);
//   - peakRssMiB: the sum of the processes' own peaks (VmHWM);
//   - leases: how many more Leases there are at the end, to be equal to n;
//   - exitCode: of COMMAND after SIGTERM; -1 if a signal ended it, be it SIGKILL after 15 seconds.
//
// beat makes n nodes with their Leases in kube-node-lease, starts COMMAND, lets it settle, and then renews them in
// turn like kubelets do. Of that time it prints cpuPercent (of one core), cpuMicrosPerRenewal and
// rssMiB. A comparison with -rate 0 shows what an idle COMMAND costs.
//
// renew takes the Leases in the namespaces with bench=true that an operator made for the Deployments of
// seed, and renews them in turn, each as a Pod of its Deployment: by impersonation of its service
// account default with a Pod's name. It prints the median and the 99th percentile of the time that an
// update takes, in milliseconds, without the wait for its turn.
//
// COMMAND's output goes to stderr, or to the file that -log names. The exit code is 0 if everything
// was as asked, 1 if it was not, 2 for wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type options struct {
	n          int
	namespaces int
	parallel   int
	rate       float64
	duration   time.Duration
	settle     time.Duration
	limit      time.Duration
	log        string
	all        bool
	command    []string
}

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: give a verb: raw, seed, run, beat, renew or wipe", errUsage)
	}
	verb := args[0]
	o, err := parse(verb, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	ctx, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("not done within -limit %s", o.limit))
	defer cancel()

	b, err := newBench(o)
	if err != nil {
		return err
	}
	var result any
	switch verb {
	case "raw":
		result, err = b.raw(ctx)
	case "seed":
		result, err = b.seed(ctx)
	case "run":
		result, err = b.run(ctx)
	case "beat":
		result, err = b.beat(ctx)
	case "renew":
		result, err = b.renewAsPods(ctx)
	case "wipe":
		result, err = b.wipe(ctx)
	}
	if result != nil {
		// A result may come with an error: it tells how far it got.
		out := json.NewEncoder(os.Stdout)
		out.SetEscapeHTML(false)
		if err := out.Encode(result); err != nil {
			return err
		}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%s: %w: %w", verb, cause, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

func parse(verb string, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("harness "+verb, flag.ContinueOnError)
	flags.DurationVar(&o.limit, "limit", 5*time.Minute, "give up after")
	flags.IntVar(&o.parallel, "parallel", 64, "requests at a time")
	takesCommand := false
	switch verb {
	case "raw", "seed":
		flags.IntVar(&o.n, "n", 1000, "objects to create")
		flags.IntVar(&o.namespaces, "namespaces", 50, "namespaces to spread them over")
	case "run":
		flags.IntVar(&o.n, "n", 1000, "Leases to wait for")
		takesCommand = true
	case "beat":
		flags.IntVar(&o.n, "n", 1000, "node Leases")
		flags.Float64Var(&o.rate, "rate", 100, "renewals per second")
		flags.DurationVar(&o.duration, "for", 30*time.Second, "how long to renew")
		takesCommand = true
	case "renew":
		flags.Float64Var(&o.rate, "rate", 500, "renewals per second")
		flags.DurationVar(&o.duration, "for", 20*time.Second, "how long to renew")
	case "wipe":
		flags.BoolVar(&o.all, "all", false, "delete the Deployments too")
	default:
		return o, fmt.Errorf("unknown verb %q: use raw, seed, run, beat, renew or wipe", verb)
	}
	if takesCommand {
		flags.DurationVar(&o.settle, "settle", 30*time.Second, "wait at most so long for COMMAND to settle")
		flags.StringVar(&o.log, "log", "", "file for COMMAND's output (default stderr)")
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.command = flags.Args()

	switch {
	case takesCommand && len(o.command) == 0:
		return o, errors.New("give a COMMAND after --")
	case !takesCommand && len(o.command) > 0:
		return o, fmt.Errorf("unexpected argument %q", o.command[0])
	case (verb == "raw" || verb == "seed" || verb == "beat") && o.n < 1, o.n < 0:
		return o, errors.New("-n is too small")
	case (verb == "raw" || verb == "seed") && (o.namespaces < 1 || o.namespaces > 1000):
		return o, errors.New("-namespaces must be between 1 and 1000")
	case o.parallel < 1:
		return o, errors.New("-parallel must be at least 1")
	case o.rate < 0:
		return o, errors.New("-rate must not be negative")
	case (verb == "beat" || verb == "renew") && o.duration <= 0:
		return o, errors.New("-for must be positive")
	}
	return o, nil
}

// commandLine shows the command in a result.
func (o options) commandLine() string { return strings.Join(o.command, " ") }

// round keeps three decimals: no figure here is more exact.
func round(f float64) float64 { return math.Round(f*1000) / 1000 }

func mebibytes(bytes int64) float64 { return math.Round(float64(bytes)/(1<<20)*10) / 10 }
