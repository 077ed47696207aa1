// PIM
