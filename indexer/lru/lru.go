// Package lru is a map that knows in which order its values were used, and what they weigh. It must not know what they are.
package lru

import "container/list"

// Map keeps values in the order of their last use. The zero value is empty. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	order    list.List // of item, the one used last in front
	elements map[K]*list.Element
	weight   int64
}

type item[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

// Get returns the value of k, which counts as used.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	e, ok := m.elements[k]
	if !ok {
		return v, false
	}
	m.order.MoveToFront(e)
	return e.Value.(item[K, V]).value, true
}

// Peek returns the value of k without using it.
func (m *Map[K, V]) Peek(k K) (v V, ok bool) {
	e, ok := m.elements[k]
	if !ok {
		return v, false
	}
	return e.Value.(item[K, V]).value, true
}

// Put sets the value of k and what it weighs: bytes, or 1 where values are counted.
func (m *Map[K, V]) Put(k K, v V, weight int64) {
	m.Delete(k)
	if m.elements == nil {
		m.elements = map[K]*list.Element{}
	}
	m.elements[k] = m.order.PushFront(item[K, V]{k, v, weight})
	m.weight += weight
}

// Delete takes k out.
func (m *Map[K, V]) Delete(k K) {
	if e, ok := m.elements[k]; ok {
		m.remove(e)
	}
}

func (m *Map[K, V]) remove(e *list.Element) {
	it := m.order.Remove(e).(item[K, V])
	delete(m.elements, it.key)
	m.weight -= it.weight
}

// Weight is what all values weigh together.
func (m *Map[K, V]) Weight() int64 { return m.weight }

// Shrink takes out values, the one used longest ago first, until they weigh limit or less. Those that may says false of stay; a
// nil may says false of none.
func (m *Map[K, V]) Shrink(limit int64, may func(V) bool) {
	for e := m.order.Back(); e != nil && m.weight > limit; {
		newer := e.Prev()
		if may == nil || may(e.Value.(item[K, V]).value) {
			m.remove(e)
		}
		e = newer
	}
}

// Clear takes everything out and returns it.
func (m *Map[K, V]) Clear() []V {
	all := make([]V, 0, len(m.elements))
	for e := m.order.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(item[K, V]).value)
	}
	*m = Map[K, V]{}
	return all
}
