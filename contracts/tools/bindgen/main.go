// Command bindgen writes the Go binding of SaleAnchor from the files that tools/build.mjs made:
//
//	bindgen <folder with SaleAnchor.abi and SaleAnchor.bin> <folder of saleanchor.go>
//
// It calls go-ethereum's generator as `abigen --v2` does, at the version go.mod pins; the abigen command itself would
// bring a wallet stack's dependencies into this module.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi/abigen"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bindgen <artifacts> <target>")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "bindgen:", err)
		os.Exit(1)
	}
}

func generate(artifacts, target string) error {
	abi, err := os.ReadFile(filepath.Join(artifacts, "SaleAnchor.abi")) //nolint:gosec // the caller's own folder
	if err != nil {
		return fmt.Errorf("read the ABI: %w", err)
	}
	code, err := os.ReadFile(filepath.Join(artifacts, "SaleAnchor.bin")) //nolint:gosec // the caller's own folder
	if err != nil {
		return fmt.Errorf("read the creation code: %w", err)
	}
	source, err := abigen.BindV2(
		[]string{"SaleAnchor"}, []string{string(abi)}, []string{strings.TrimSpace(string(code))},
		"binding", nil, nil,
	)
	if err != nil {
		return fmt.Errorf("generate the binding: %w", err)
	}
	if err := os.WriteFile(filepath.Join(target, "saleanchor.go"), []byte(source), 0o644); err != nil { //nolint:gosec // a source file, for everybody
		return fmt.Errorf("write the binding: %w", err)
	}
	return nil
}
