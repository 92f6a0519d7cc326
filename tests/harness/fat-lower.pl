#!/usr/bin/perl
# fat-lower.pl IMAGE <NAMES - used by make-test-image.sh.
#
# In the root directory of the FAT32 filesystem IMAGE each NAME (lower case) has a long-name entry whose
# first letter is a capital. Makes that letter small. The 8.3 entry stays, and with it the checksum of it
# that the long-name entries carry.
use strict;
use warnings;

my $image = shift // die "usage: fat-lower.pl IMAGE <NAMES\n";
chomp(my @names = <STDIN>);
my %wanted = map { $_ => 1 } @names;
open(my $file, '+<:raw', $image) or die "$image: $!\n";

sub bytes_at {
    my ($offset, $length) = @_;
    seek $file, $offset, 0;
    read($file, my $bytes, $length) == $length or die "$image ends early\n";
    return $bytes;
}

# The BIOS parameter block.
my ($sector, $sectors_per_cluster, $reserved, $fats) = unpack 'x11 v C v C', bytes_at(0, 64);
my ($fat_sectors, $cluster) = unpack 'x36 V x4 V', bytes_at(0, 64);
my $cluster_size = $sector * $sectors_per_cluster;
my $data = ($reserved + $fats * $fat_sectors) * $sector;

my ($name, $first_letter) = ('');
while ($cluster >= 2 && $cluster < 0x0ffffff8) {
    my $base = $data + ($cluster - 2) * $cluster_size;
    for (my $offset = $base; $offset < $base + $cluster_size; $offset += 32) {
        my $entry = bytes_at($offset, 32);
        my ($order, $attributes) = unpack 'C x10 C', $entry;
        last if $order == 0;
        if ($attributes == 0x0f && $order != 0xe5) {    # a long-name entry; the last part comes first
            $name = '' if $order & 0x40;
            my @units = unpack 'v*', substr($entry, 1, 10) . substr($entry, 14, 12) . substr($entry, 28, 4);
            $name = join('', map { chr } grep { $_ != 0 && $_ != 0xffff } @units) . $name;
            $first_letter = $offset + 1;
            next;
        }
        if ($name =~ /^[A-Z]/ && delete $wanted{lcfirst $name}) {
            seek $file, $first_letter, 0;
            print $file pack 'v', ord lc $name;
        }
        $name = '';
    }
    $cluster = unpack('V', bytes_at($reserved * $sector + 4 * $cluster, 4)) & 0x0fffffff;
}
close $file or die "$image: $!\n";
die "not in the root directory of $image: @{[sort keys %wanted]}\n" if %wanted;
