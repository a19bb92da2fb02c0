// Package topology writes the streams and durables of shared/stream as files that the nats command accepts:
// `nats stream add --config` and `nats consumer add --config`.
package topology

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tillseal/tillseal/shared/stream"
)

const (
	publicDir  = 0o755
	publicFile = 0o644
)

// Files are the configurations by their path: streams/<stream>.json and consumers/<stream>.<durable>.json. A peak in sales a second, or
// a number of replicas, that no service would accept is Invalid.
func Files(peak, replicas int) (map[string][]byte, error) {
	if replicas == 0 { // in a Config made in code 0 means 1
		return nil, errors.New("-replicas must be 1 or 3")
	}
	check := stream.Config{URL: "nats://unused", PeakSalesPerSecond: peak, Replicas: replicas}
	if err := check.Check(); err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, t := range stream.Topologies(peak, replicas) {
		path := "streams/" + t.Stream.Name + ".json"
		if err := add(files, path, t.Stream); err != nil {
			return nil, err
		}
		for _, durable := range t.Durables {
			path := "consumers/" + t.Stream.Name + "." + durable.Durable + ".json"
			if err := add(files, path, durable); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func add(files map[string][]byte, path string, cfg any) error {
	text, err := json.MarshalIndent(cfg, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	files[path] = append(text, '\n')
	return nil
}

// ours reports whether a file has the metadata that each of ours has.
func ours(path string) bool {
	var cfg struct {
		Metadata map[string]string `json:"metadata"`
	}
	text, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(text, &cfg) == nil && cfg.Metadata["tillseal.schema"] != ""
}

// Write makes the files below dir and removes those of our streams and durables that no longer exist.
func Write(dir string, files map[string][]byte) error {
	for _, folder := range []string{"streams", "consumers"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), publicDir); err != nil {
			return err
		}
		old, err := filepath.Glob(filepath.Join(dir, folder, "*.json"))
		if err != nil {
			return err
		}
		for _, path := range old {
			if _, kept := files[folder+"/"+filepath.Base(path)]; kept || !ours(path) {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	var errs []error
	for path, text := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, path), text, publicFile))
	}
	return errors.Join(errs...)
}
