// SPDX-License-Identifier: Apache-2.0

package format

import "fmt"

// checkKinds makes sure that gathering stays within raw records and that what
// it finds there fits the file.
func checkKinds(kinds []Kind) error {
	ids, names := map[uint16]bool{}, map[string]bool{}
	for i := range kinds {
		k := &kinds[i]
		switch {
		case ids[k.ID] || names[k.Name] || k.ID == metadataID || k.Name == metadataName:
			return fmt.Errorf("kind %s (%d) is given twice", k.Name, k.ID)
		case k.Size < rawHeader || k.Size > maxRecord:
			return fmt.Errorf("kind %s has records of %d bytes", k.Name, k.Size)
		}
		if err := k.checkTail(); err != nil {
			return err
		}
		ids[k.ID], names[k.Name] = true, true
		for f := range k.Fields {
			if err := k.Fields[f].check(k.Size); err != nil {
				return fmt.Errorf("%s.%s: %w", k.Name, k.Fields[f].Name, err)
			}
		}
	}
	return nil
}

// checkTail wants what a kind with a tail promises.
func (k *Kind) checkTail() error {
	if !k.Tail {
		return nil
	}
	if n := len(k.Fields); n == 0 || k.Fields[n-1].Type != String || k.Fields[n-1].Offset+k.Fields[n-1].Size != k.Size || k.fixed() < rawHeader {
		return fmt.Errorf("kind %s has a tail that is no text at its end", k.Name)
	}
	return nil
}

func (f *Field) check(size int) error {
	ok := false
	switch f.Type {
	case Uint8, Uint16, Uint32, Uint64, Int32, Int64, Timestamp:
		ok = f.Size == f.width()
	case Enum:
		ok = f.Size == 1 || f.Size == 2 || f.Size == 4
	case Address:
		ok = f.Size == 16
	case String:
		ok = f.Size > 0
	}
	if !ok {
		return fmt.Errorf("a %d-byte field for type %d", f.Size, f.Type)
	}
	if f.Offset < 0 || f.Offset > size-f.Size {
		return fmt.Errorf("it ends beyond the record's %d bytes", size)
	}
	return nil
}
