SELECT EXISTS (SELECT FROM anchor.lease WHERE epoch = @epoch);
