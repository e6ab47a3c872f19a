package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	clockTicksPerSecond = 100 // USER_HZ, the same on all Linux architectures that Go supports
	settleInterval      = 250 * time.Millisecond
	settleWindow        = 8 // intervals, so two seconds
	settleShare         = 0.05
	stopTimeout         = 15 * time.Second
)

// process is a running command under measurement.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	cancel  context.CancelFunc
	done    chan struct{} // closed when the command has ended
	peakRSS int64
}

// startProcess starts a command. It gets SIGTERM when ctx is done, and SIGKILL if that doesn't help.
func startProcess(ctx context.Context, command []string, logFile string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	// A group of its own, so that no descendant outlives the measurement.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if logFile != "" {
		file, err := os.Create(logFile)
		if err != nil {
			cancel()
			return nil, err
		}
		defer file.Close() // the command has its own descriptor
		cmd.Stdout, cmd.Stderr = file, file
	}

	p := &process{cmd: cmd, started: time.Now(), cancel: cancel, done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // ProcessState tells more
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}()
	return p, nil
}

// stop ends the command, if it still runs, and returns its exit code.
func (p *process) stop() int {
	p.cancel()
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) exitError() error {
	return fmt.Errorf("the command ended early: %s", p.cmd.ProcessState)
}

// sleep waits, and returns an error if the command ends meanwhile or ctx is done.
func (p *process) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return p.exitError()
	}
}

// settle waits until the command used less than 5 % of a core for two seconds, at most for the given time.
func (p *process) settle(ctx context.Context, atMost time.Duration) (last usage, settled bool, err error) {
	deadline := time.Now().Add(atMost)
	var samples []usage
	for {
		last, err = p.usage()
		if err != nil {
			return last, false, err
		}
		samples = append(samples, last)
		if len(samples) > settleWindow {
			first := samples[len(samples)-1-settleWindow]
			if (last.cpu - first.cpu).Seconds() < settleShare*last.at.Sub(first.at).Seconds() {
				return last, true, nil
			}
		}
		if time.Now().After(deadline) {
			return last, false, nil
		}
		if err := p.sleep(ctx, settleInterval); err != nil {
			return last, false, err
		}
	}
}

// usage is what a process and its descendants have used.
type usage struct {
	at      time.Time
	cpu     time.Duration // ended descendants included
	rss     int64         // bytes
	peakRSS int64         // bytes, the sum of the processes' peaks
}

// usage samples the process. Its peak is the highest of all samples, as descendants may end.
func (p *process) usage() (usage, error) {
	if p.exited() {
		return usage{}, p.exitError()
	}
	u, err := treeUsage(p.cmd.Process.Pid)
	p.peakRSS = max(p.peakRSS, u.peakRSS)
	u.peakRSS = p.peakRSS
	return u, err
}

// treeUsage adds up a process and all its descendants.
func treeUsage(root int) (usage, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return usage{}, err
	}
	cpu := map[int]time.Duration{}
	children := map[int][]int{}
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		parent, used, err := readStat(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has just ended
		}
		if err != nil {
			return usage{}, err
		}
		cpu[pid] = used
		children[parent] = append(children[parent], pid)
	}
	if _, ok := cpu[root]; !ok {
		return usage{}, fmt.Errorf("process %d has ended", root)
	}

	u := usage{at: time.Now()}
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		queue = append(queue, children[pid]...)
		u.cpu += cpu[pid]
		rss, peak := readMemory(pid)
		u.rss += rss
		u.peakRSS += peak
	}
	return u, nil
}

// readStat reads the parent and the CPU time, that of ended and awaited children included. See proc_pid_stat(5).
func readStat(file string) (parent int, cpu time.Duration, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, 0, err
	}
	// The second field, the name in parentheses, may contain anything; the third field follows it.
	text := string(content)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("%s: %d fields", file, len(fields))
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", file, err)
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		value, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", file, err)
		}
		ticks += value
	}
	return parent, time.Duration(ticks) * time.Second / clockTicksPerSecond, nil
}

// readMemory reads the resident memory and its peak, in bytes; nothing of a process that has ended.
func readMemory(pid int) (rss, peak int64) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		value, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "VmRSS:":
			rss = value << 10
		case "VmHWM:":
			peak = value << 10
		}
	}
	return rss, peak
}
