-- The mark of a whole subject tells upper from lower case in a serialNumber now: all are written anew when somebody looks
-- for one.
UPDATE registrations SET marked = 0;
