// Command interop reads a log of ours with C2SP code that we did not write: torchwood and golang.org/x/mod.
//
//	interop LOG-FOLDER POLICY PROOF ENTRY-HEX OLD-CHECKPOINT CONSISTENCY
//
// It prints how many entries it authenticated, or ends with 1 and says what it did not accept.
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	count, err := check(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(count)
}

func check(args []string) (int64, error) {
	if len(args) != 6 {
		return 0, fmt.Errorf("six arguments")
	}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return 0, err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return 0, fmt.Errorf("policy: %w", err)
	}
	newest, err := checkpoint(args[0]+"/checkpoint", policy)
	if err != nil {
		return 0, err
	}
	count, err := entries(args[0], newest)
	if err != nil {
		return 0, fmt.Errorf("tiles: %w", err)
	}
	proof, err := os.ReadFile(args[2])
	if err != nil {
		return 0, err
	}
	entry, err := hex.DecodeString(args[3])
	if err != nil {
		return 0, err
	}
	if err := torchwood.VerifyProof(policy, tlog.RecordHash(entry), proof); err != nil {
		return 0, fmt.Errorf("proof: %w", err)
	}
	old, err := checkpoint(args[4], policy)
	if err != nil {
		return 0, err
	}
	if err := consistent(args[5], old, newest); err != nil {
		return 0, fmt.Errorf("consistency: %w", err)
	}
	return count, nil
}

func checkpoint(path string, policy torchwood.Policy) (torchwood.Checkpoint, error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	found, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		return torchwood.Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	return found, nil
}

// entries reads every entry; each is authenticated through the tiles against the checkpoint's root.
func entries(folder string, newest torchwood.Checkpoint) (int64, error) {
	tiles, err := torchwood.NewTileFS(os.DirFS(folder))
	if err != nil {
		return 0, err
	}
	client, err := torchwood.NewClient(tiles)
	if err != nil {
		return 0, err
	}
	var count int64
	for index, entry := range client.AllEntries(context.Background(), newest.Tree, 0) {
		if index != count || len(entry) != 32 {
			return 0, fmt.Errorf("entry %d", index)
		}
		count++
	}
	if client.Err() == nil && count != newest.N {
		return 0, fmt.Errorf("%d of %d entries", count, newest.N)
	}
	return count, client.Err()
}

// consistent reads a proof in the form of a tlog-witness request.
func consistent(path string, old, newest torchwood.Checkpoint) error {
	request, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, _, found := bytes.Cut(request, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if size, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64); !found || err != nil || size != old.N {
		return fmt.Errorf("form, or another old size")
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckTree(proof, newest.N, newest.Hash, old.N, old.Hash)
}
