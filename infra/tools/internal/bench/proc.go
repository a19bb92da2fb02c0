package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for what /proc says (proc(5)).
const ticksPerSecond = 100

// cpuOf is the processor time that a process has used, with its ended children's when asked; 0 when it is gone.
func cpuOf(pid int, withChildren bool) time.Duration {
	const user, system, childrenUser, childrenSystem = 11, 12, 13, 14 // counted behind the name, which may hold spaces
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= childrenSystem {
		return 0
	}
	which := []int{user, system}
	if withChildren {
		which = append(which, childrenUser, childrenSystem)
	}
	var ticks int64
	for _, i := range which {
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// cpuOfTree adds a process, its children that live and those that ended. Postgres has a child for each connection.
func cpuOfTree(pid int) time.Duration {
	total := cpuOf(pid, true)
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		content, _ := os.ReadFile(path)
		for word := range strings.FieldsSeq(string(content)) {
			if id, err := strconv.Atoi(word); err == nil {
				total += cpuOf(id, true)
			}
		}
	}
	return total
}

// peakMemoryMB is the most that a process has had in memory (VmHWM).
func peakMemoryMB(pid int) int {
	return kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:") >> 10
}

func kilobytes(path, name string) int {
	content, _ := os.ReadFile(path)
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

// Machine is what was measured on.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryMB int    `json:"memory_mb"`
	Kernel   string `json:"kernel"`
	Postgres string `json:"postgres"`
	Go       string `json:"go"`
	SyncUS   int64  `json:"fsync_us"` // one write of 8 KiB flushed to the disk that the database is on
}

func machine(postgres string, dir string) Machine {
	m := Machine{Cores: runtime.NumCPU(), MemoryMB: kilobytes("/proc/meminfo", "MemTotal:") >> 10, Postgres: postgres, Go: runtime.Version()}
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpu)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	m.Kernel = strings.TrimSpace(string(kernel))
	m.SyncUS = syncTime(dir).Microseconds()
	return m
}

// syncTime is how long the disk takes to keep a page.
func syncTime(dir string) time.Duration {
	const tries, page = 50, 8 << 10
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }() // it lies in the measurement's own directory
	start := time.Now()
	for range tries {
		if _, err := f.WriteAt(make([]byte, page), 0); err != nil || f.Sync() != nil {
			return 0
		}
	}
	return time.Since(start) / tries
}
