module unicodeclasses

go 1.26
