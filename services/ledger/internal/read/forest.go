package read

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"

	"github.com/tillseal/tillseal/shared/merkle"
)

// maxCachedLeaves bounds the trees that are kept: at 64 bytes a leaf, 32 MiB.
const maxCachedLeaves = 512 << 10

// batchKey names a batch. A sealed batch never changes, so what is kept under its key is never stale.
type batchKey struct{ deployment, batch int64 }

// forest caches the trees that were requested last. It is safe for concurrent use.
type forest struct {
	maxLeaves int
	builds    singleflight.Group

	mu     sync.Mutex
	trees  *simplelru.LRU[batchKey, *merkle.Tree]
	leaves int // of all trees kept
}

func newForest(maxLeaves int) *forest {
	f := &forest{maxLeaves: maxLeaves}
	trees, err := simplelru.NewLRU(maxLeaves, func(_ batchKey, t *merkle.Tree) { f.leaves -= t.Size() })
	if err != nil {
		panic("read: " + err.Error()) // only a size below 1
	}
	f.trees = trees
	return f
}

func (f *forest) get(key batchKey) (*merkle.Tree, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trees.Get(key)
}

// put keeps a tree and drops the least recently used ones. A tree that is larger than the whole forest isn't kept.
func (f *forest) put(key batchKey, tree *merkle.Tree) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trees.Contains(key) || tree.Size() > f.maxLeaves {
		return
	}
	f.leaves += tree.Size()
	f.trees.Add(key, tree)
	for f.leaves > f.maxLeaves {
		f.trees.RemoveOldest()
	}
}
