package local

import (
	"context"
	"io"
	"os"
	"os/exec"
)

// fonts has letters that pages are tested with, Devanagari among them: its presence is told by a file of it.
const (
	fonts     = "fonts-noto-core"
	fontsFile = "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf"
)

// EnsureChromium finds the browser that pages are tested in, and its fonts, as Ensure finds the servers: what is missing it installs.
func EnsureChromium(ctx context.Context, progress io.Writer) (path string, err error) {
	err = ensure(ctx, progress, func() []string { return missingChromium(chromium()) })
	return chromium(), err
}

// chromium is the program's path, "" when there is none.
func chromium() string {
	if path, err := exec.LookPath("chromium"); err == nil {
		return path
	}
	if path := "/usr/bin/chromium"; executable(path) { // a user's PATH may lack the system's programs
		return path
	}
	return ""
}

// missingChromium names the Debian packages that are missing.
func missingChromium(path string) []string {
	var packages []string
	if path == "" {
		packages = append(packages, "chromium")
	}
	if _, err := os.Stat(fontsFile); err != nil {
		packages = append(packages, fonts)
	}
	return packages
}
