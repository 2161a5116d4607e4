"""Starting one run as several processes, on one machine or many."""
