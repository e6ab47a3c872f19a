package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// translate reads one value a line, and writes for each what the Kubernetes API makes of it: for a
// time the microseconds since 1970, for microseconds the time. It ends at the first line that the
// API can't read.
func translate(in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	defer w.Flush()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		text := lines.Text()
		if micros, err := strconv.ParseInt(text, 10, 64); err == nil {
			seconds, rest := micros/1e6, micros%1e6
			if rest < 0 {
				seconds, rest = seconds-1, rest+1e6
			}
			encoded, err := json.Marshal(metav1.NewMicroTime(metav1.Unix(seconds, rest*1000).Time))
			if err != nil {
				return err
			}
			fmt.Fprintln(w, string(encoded[1:len(encoded)-1]))
			continue
		}
		var t metav1.MicroTime
		if err := json.Unmarshal([]byte(strconv.Quote(text)), &t); err != nil {
			return err
		}
		fmt.Fprintln(w, t.UnixMicro())
	}
	return lines.Err()
}
