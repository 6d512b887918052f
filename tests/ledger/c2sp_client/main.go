// A C2SP client that knows nothing of Strongroom: it reads a log's folder, or a proof file, with the
// Go project's own transparency-log packages (golang.org/x/mod/sumdb/note and tlog), which verify
// each tile against the signed root.
//
//	main log FOLDER VKEY [OLDER_CHECKPOINT]
//	main proof FILE ENTRY VKEY
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const width = 256

// folder reads tiles by the names of c2sp.org/tlog-tiles, which leave out the height.
type folder string

func (f folder) Height() int { return 8 }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(tile.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		read = append(read, data)
	}
	return read, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) entries(bundle, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: 8, L: 0, N: bundle, W: int(count)}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(data))
		if end > len(data) {
			return nil, errors.New("bundle breaks off")
		}
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if len(data) != 0 || int64(len(entries)) != count {
		return nil, errors.New("bundle has another length")
	}
	return entries, nil
}

func openCheckpoint(signed []byte, vkey string) (tlog.Tree, error) {
	var tree tlog.Tree
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func checkLog(name, vkey, older string) error {
	signed, err := os.ReadFile(filepath.Join(name, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(signed, vkey)
	if err != nil {
		return err
	}
	log := folder(name)
	verified := tlog.TileHashReader(tree, log)
	for first := int64(0); first < tree.N; first += width {
		count := tree.N - first
		if count > width {
			count = width
		}
		entries, err := log.entries(first/width, count)
		if err != nil {
			return err
		}
		var indexes []int64
		for i := range entries {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		hashes, err := verified.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != hashes[i] {
				return fmt.Errorf("entry %d is wrong", first+int64(i))
			}
		}
	}
	if older != "" {
		if err := checkOlder(older, vkey, tree, verified); err != nil {
			return err
		}
	}
	fmt.Printf("verified %d entries, root %v\n", tree.N, tree.Hash)
	return nil
}

func checkOlder(name, vkey string, tree tlog.Tree, verified tlog.HashReader) error {
	signed, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, err := openCheckpoint(signed, vkey)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, before.N, verified)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash)
}

func checkProof(name, entryName, vkey string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	entry, err := os.ReadFile(entryName)
	if err != nil {
		return err
	}
	parts := strings.SplitN(string(data), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		decoded, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(decoded) != tlog.HashSize {
			return errors.New("malformed hash")
		}
		var hash tlog.Hash
		copy(hash[:], decoded)
		proof = append(proof, hash)
	}
	tree, err := openCheckpoint([]byte(parts[1]), vkey)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("proven entry %d of %d\n", index, tree.N)
	return nil
}

func main() {
	log.SetFlags(0)
	arguments := append(os.Args[1:], "", "")
	var err error
	switch arguments[0] {
	case "log":
		err = checkLog(arguments[1], arguments[2], arguments[3])
	case "proof":
		err = checkProof(arguments[1], arguments[2], arguments[3])
	default:
		err = errors.New("usage: main log FOLDER VKEY [OLDER] | main proof FILE ENTRY VKEY")
	}
	if err != nil {
		log.Fatal(err)
	}
}
